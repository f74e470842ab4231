// A TCP connection over the loopback device, with one deadline for all of its
// reads and writes.
//
// Layer:     handshake/interop: tests only.
// Threads:   thread-compatible.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::handshake {

using Deadline = std::chrono::steady_clock::time_point;

class LoopbackStream {
 public:
  static Result<LoopbackStream> Connect(uint16_t port, Deadline deadline);

  // Reads what is there, at most `buffer`; waits for at least one byte. 0 is
  // the end of the stream.
  // Errors: kPeerReset, kDeadlineTotal, kSocketFailed.
  Result<std::size_t> Read(std::span<uint8_t> buffer);
  // Writes at least one byte of `bytes`; returns how many. Errors as above.
  Result<std::size_t> Write(ByteView bytes);

 private:
  friend class LoopbackListener;
  LoopbackStream(OwnedFd socket, Deadline deadline)
      : socket_(std::move(socket)), deadline_(deadline) {}

  OwnedFd socket_;
  Deadline deadline_;
};

class LoopbackListener {
 public:
  // Listens on `port`, or on a free one for 0.
  static Result<LoopbackListener> Create(uint16_t port);

  uint16_t port() const { return port_; }
  Result<LoopbackStream> Accept(Deadline deadline);

 private:
  LoopbackListener(OwnedFd socket, uint16_t port)
      : socket_(std::move(socket)), port_(port) {}

  OwnedFd socket_;
  uint16_t port_;
};

}  // namespace ktlsd::handshake
