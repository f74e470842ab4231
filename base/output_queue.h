// Bytes that wait to be written to a socket, and the proof that none wait.
//
// Scope:     a buffer; whoever writes the socket says how much was taken.
// Layer:     base.
// Threads:   thread-compatible.
#pragma once

#include <cstddef>
#include <optional>

#include "base/bytes.h"
#include "base/session_keys.h"

namespace ktlsd {

class OutputQueue {
 public:
  void Add(ByteView bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  bool empty() const { return pending().empty(); }
  // What is to be written next; valid until the next call on this queue.
  ByteView pending() const { return ByteView(bytes_).subspan(written_); }

  // The socket took the first `count` bytes of pending().
  void Written(std::size_t count) {
    written_ += count < pending().size() ? count : pending().size();
    if (empty()) {
      bytes_.clear();
      written_ = 0;
    }
  }

  // The proof, when nothing is pending. Requires: no write of earlier bytes
  // is still under way in the kernel (an io_uring request, say).
  std::optional<Flushed> ProveFlushed() const {
    if (!empty()) {
      return std::nullopt;
    }
    return Flushed();
  }

 private:
  Bytes bytes_;
  std::size_t written_ = 0;
};

}  // namespace ktlsd
