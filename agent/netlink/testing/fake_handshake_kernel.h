// A kernel that hands out the requests a test queued, and keeps the answers.
//
// Layer:     agent/netlink, tests only.
#pragma once

#include <cerrno>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "agent/netlink/handshake_kernel.h"

namespace ktlsd::agent {

class FakeHandshakeKernel final : public HandshakeKernel {
 public:
  struct Answer {
    int socket;  // the number of the descriptor that was answered
    uint32_t status;
    std::optional<KeySerial> remote_auth;
  };

  void Queue(Request request) { waiting_.push_back(std::move(request)); }
  // From now on every DONE is refused, as for a socket without a request.
  void RefuseDone() { refuse_done_ = true; }
  void FailAccept(unsigned times) { failing_accepts_ = times; }

  const std::vector<Answer>& answers() const { return answers_; }
  std::size_t waiting() const { return waiting_.size(); }
  unsigned accepted() const { return accepted_; }

  Result<std::optional<Request>> Accept() override {
    if (failing_accepts_ > 0) {
      --failing_accepts_;
      return Error{Code::kNetlinkFailed, "fake failure", ENOMEM};
    }
    if (waiting_.empty()) {
      return std::optional<Request>();
    }
    ++accepted_;
    std::optional<Request> request = std::move(waiting_.front());
    waiting_.pop_front();
    return request;
  }

  Status Done(BorrowedFd socket, uint32_t status,
              std::optional<KeySerial> remote_auth) override {
    answers_.push_back({socket.raw(), status, remote_auth});
    if (refuse_done_) {
      return Error{Code::kNetlinkFailed, "fake refusal", EBUSY};
    }
    return Ok{};
  }

 private:
  std::deque<Request> waiting_;
  std::vector<Answer> answers_;
  unsigned accepted_ = 0;
  unsigned failing_accepts_ = 0;
  bool refuse_done_ = false;
};

}  // namespace ktlsd::agent
