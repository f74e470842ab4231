// Bytes that wait to be written to a socket.
//
// Scope:     a buffer; whoever writes the socket says how much was taken.
// Layer:     handshake.
// Threads:   thread-compatible.
#pragma once

#include <cstddef>

#include "base/bytes.h"

namespace ktlsd::handshake {

class OutputQueue {
 public:
  Bytes& tail() { return bytes_; }  // append here

  bool empty() const { return written_ == bytes_.size(); }
  // What is to be written next; valid until the next change of the queue.
  ByteView pending() const { return ByteView(bytes_).subspan(written_); }

  // The socket took the first `count` bytes of pending(); more than all of
  // them counts as all.
  void Written(std::size_t count) {
    written_ += count < pending().size() ? count : pending().size();
    if (empty()) {
      bytes_.clear();
      written_ = 0;
    }
  }

 private:
  Bytes bytes_;
  std::size_t written_ = 0;
};

}  // namespace ktlsd::handshake
