// Services that take every request of a connection and never answer.
//
// Layer:     agent/worker, tests only.
#pragma once

#include <cstddef>
#include <span>

#include "agent/worker/connection.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

class NoServices : public JobServices {
 public:
  Status RequestSignature(JobId, CredentialId,
                          const handshake::SignatureRequest&) override {
    return Ok{};
  }
  Status RequestVerdict(JobId, const handshake::PeerProof&) override {
    return Ok{};
  }
  Status RequestPskChoice(JobId, const handshake::OfferedPsks&,
                          std::span<const HashAlgorithm>) override {
    return Ok{};
  }
  Status RequestPskBinder(JobId, std::size_t,
                          const handshake::PskBinderRequest&) override {
    return Ok{};
  }
  Status RequestPskVerdict(JobId, const handshake::PskProof&) override {
    return Ok{};
  }
  Status RequestPskSecret(JobId, std::size_t,
                          const handshake::PskSecretRequest&) override {
    return Ok{};
  }
  Status AwaitRoom(JobId, BorrowedFd) override { return Ok{}; }
  Status StopWatching(BorrowedFd) override { return Ok{}; }
};

}  // namespace ktlsd::agent
