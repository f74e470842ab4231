// One side of one handshake in memory, by whichever library.
//
// Layer:     tools/benchmarks.
// Threads:   one.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "base/bytes.h"
#include "handshake/wire.h"

namespace ktlsd::benchmarks {

using handshake::Role;

class End {
 public:
  virtual ~End() = default;
  // Takes all that the peer sent (nothing at first) and goes as far as it can;
  // appends to `output` what is for the peer. Throws when the handshake fails.
  virtual void Go(ByteView input, Bytes& output) = 0;
  virtual bool done() const = 0;
};

// Makes an end as its library does for each new connection: what can be made
// once for all connections is the maker's.
using MakeEnd = std::function<std::unique_ptr<End>()>;

// A benchmark whose handshakes fail would be a fast one.
[[noreturn]] inline void Fail(const std::string& why) {
  throw std::runtime_error(why);
}
inline void Need(bool condition, const char* why) {
  if (!condition) {
    Fail(why);
  }
}

}  // namespace ktlsd::benchmarks
