// A TCP connection to a peer that is tried, with one deadline for all of it.
//
// Scope:     names are looked up, as the daemon never does: here is a person
//            who waits.
// Layer:     agent/check.
// Threads:   thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

class Stream {
 public:
  // Connects to the first address of `host` that answers.
  // Errors: kSocketFailed with what was tried last and its errno;
  //         kDeadlineTotal.
  static Result<Stream> Connect(const std::string& host,
                                const std::string& port,
                                MonotonicTime deadline);
  // Takes over a connected socket.
  Stream(OwnedFd socket, MonotonicTime deadline)
      : socket_(std::move(socket)), deadline_(deadline) {}

  // Reads what is there, at most `into`; waits for at least one byte. 0 is the
  // end of the stream.
  // Errors: kPeerReset; kDeadlineFirstByte where nothing ever came, else
  //         kDeadlineProgress; kSocketFailed.
  Result<std::size_t> Read(std::span<uint8_t> into);
  // Exactly `into`. Errors: as Read; kPeerClosed.
  Status ReadAll(std::span<uint8_t> into);
  // All of `bytes`. Errors: as Read, without the first byte's.
  Status Write(ByteView bytes);

  // "192.0.2.1:2049" of the other end.
  std::string peer() const;

 private:
  Status Await(int16_t events, const Error& late);

  OwnedFd socket_;
  MonotonicTime deadline_;
  bool heard_ = false;
};

}  // namespace ktlsd::agent
