// Reading and writing the byte strings of network protocols.
//
// Scope:     ByteReader never reads past its input: a read that does not fit
//            fails and leaves the reader as it was. ByteWriter appends to a
//            vector and fills in length prefixes.
// Layer:     base.
// Threads:   thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace ktlsd {

using ByteView = std::span<const uint8_t>;
using Bytes = std::vector<uint8_t>;

// A cursor over borrowed bytes, which must outlive it. Integers are big
// endian, as in TLS.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }
  ByteView rest() const { return rest_; }

  std::optional<uint8_t> U8();
  std::optional<uint16_t> U16();
  std::optional<uint32_t> U24();
  std::optional<ByteView> Take(std::size_t count);
  // A vector with a length prefix of 1, 2 or 3 bytes.
  std::optional<ByteView> Prefixed8();
  std::optional<ByteView> Prefixed16();
  std::optional<ByteView> Prefixed24();

 private:
  std::optional<uint32_t> Integer(std::size_t width);
  std::optional<ByteView> Prefixed(std::size_t width);

  ByteView rest_;
};

// Room for `size` bytes in one that has none yet: what grows to about that size
// then allocates once.
void MakeRoom(Bytes& bytes, std::size_t size);

class ByteWriter {
 public:
  ByteWriter() = default;
  // Appends to `bytes`.
  explicit ByteWriter(Bytes bytes) : bytes_(std::move(bytes)) {}

  void U8(uint8_t value);
  void U16(uint16_t value);
  void U24(uint32_t value);
  void Append(ByteView bytes);

  // Writes a length prefix of `width` bytes (1, 2 or 3) and what `body`
  // appends behind it. A body that is too long for its prefix makes the
  // writer fail: ok() turns false and stays so.
  template <typename Body>
  void Prefixed(std::size_t width, Body&& body) {
    const std::size_t start = Reserve(width);
    body();
    PatchLength(start, width);
  }

  bool ok() const { return ok_; }
  std::size_t size() const { return bytes_.size(); }
  ByteView view() const { return bytes_; }
  // Gives the bytes away; they are only meaningful when ok().
  Bytes Finish() && { return std::move(bytes_); }

 private:
  std::size_t Reserve(std::size_t width);
  void PatchLength(std::size_t start, std::size_t width);

  Bytes bytes_;
  bool ok_ = true;
};

// True when both hold the same bytes. Not constant time: for public data.
bool SameBytes(ByteView a, ByteView b);

}  // namespace ktlsd
