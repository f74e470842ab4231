// The TCP connection to BoGo's runner: blocking, with a limit on each wait.
//
// Layer:     handshake/bogo: tests only.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::handshake {

class Socket {
 public:
  // To the loopback address, of IPv6 or else of IPv4. With `one_byte` each
  // read and each write moves one byte. Errors: kSocketFailed.
  static Result<Socket> Connect(uint16_t port, bool one_byte);

  // 0 is the end of the stream. Errors: kPeerReset, kSocketFailed.
  Result<std::size_t> Read(std::span<uint8_t> buffer);
  // Returns how many bytes were taken, at least one. Errors as above.
  Result<std::size_t> Write(ByteView bytes);
  Status WriteAll(ByteView bytes);

  // Ends our direction and drops what still comes, so that closing does not
  // reset the connection and destroy an alert on its way.
  void Finish();

 private:
  Socket(OwnedFd fd, bool one_byte) : fd_(std::move(fd)), one_byte_(one_byte) {}

  OwnedFd fd_;
  bool one_byte_;
};

}  // namespace ktlsd::handshake
