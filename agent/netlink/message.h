// One message to the kernel.
//
// Scope:     netlink and generic netlink header and some attributes, in a
//            buffer of its own: an answer to the kernel must need no memory.
// Layer:     agent/netlink.
// Threads:   value type.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace ktlsd::agent {

class Message {
 public:
  // `flags` beside NLM_F_REQUEST.
  Message(uint16_t family, uint8_t command, uint8_t version, uint16_t flags);

  // Appends an attribute; one that does not fit any more is left out.
  Message& U16(uint16_t type, uint16_t value);
  Message& U32(uint16_t type, uint32_t value);
  // Ends with a NUL, and is cut to 63 bytes before it.
  Message& Text(uint16_t type, std::string_view value);

  void Stamp(uint32_t sequence, uint32_t port);
  uint16_t family() const;
  ByteView bytes() const { return ByteView(bytes_).first(size_); }

 private:
  void Append(uint16_t type, const void* value, std::size_t size);

  // An answer with as many session tags as a peer can have: 64, of 1023
  // characters in all, and each with a header and an end.
  alignas(uint32_t) std::array<uint8_t, 2048> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace ktlsd::agent
