// A kernel that hands out the requests a test queued, and keeps the answers.
//
// Layer:     agent/netlink, tests only.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/netlink/handshake_kernel.h"

namespace ktlsd::agent {

// Which calls fail: those of these numbers, counted from 1 from now on.
class FailingCalls {
 public:
  static FailingCalls None() { return {0, 0}; }
  static FailingCalls First(unsigned many) { return {1, many}; }
  static FailingCalls Only(unsigned number) { return {number, number}; }
  static FailingCalls Every(unsigned step) {
    FailingCalls calls(0, 0);
    calls.step_ = step;
    return calls;
  }

  bool Next() {
    ++count_;
    return (count_ >= from_ && count_ <= to_) ||
           (step_ != 0 && count_ % step_ == 0);
  }

 private:
  FailingCalls(unsigned from, unsigned to) : from_(from), to_(to) {}
  unsigned from_;
  unsigned to_;
  unsigned step_ = 0;
  unsigned count_ = 0;
};

class FakeHandshakeKernel final : public HandshakeKernel {
 public:
  struct Answer {
    int socket;  // the number of the descriptor that was answered
    uint32_t status;
    std::optional<KeySerial> remote_auth;
    std::string tags;
  };
  // What becomes of a DONE that fails: it never arrived, or only its
  // acknowledgement was lost.
  enum class Loss : uint8_t { kMessage, kAcknowledgement };

  void Queue(Request request) { waiting_.push_back(std::move(request)); }
  // `count` requests, each made when it is ACCEPTed: as with a real kernel,
  // that is when its descriptor comes to be.
  void Generate(unsigned count, std::function<Request()> make) {
    to_make_ += count;
    make_ = std::move(make);
  }
  // From now on every DONE is refused, as for a socket without a request.
  void RefuseDone() { FailDones(FailingCalls::Every(1), EBUSY); }
  void FailAccept(unsigned times) {
    FailAccepts(FailingCalls::First(times), ENOMEM);
  }
  void FailAccepts(FailingCalls which, int os_error) {
    failing_accepts_ = which;
    accept_error_ = os_error;
  }
  void FailDones(FailingCalls which, int os_error,
                 Loss loss = Loss::kAcknowledgement) {
    failing_dones_ = which;
    done_error_ = os_error;
    loss_ = loss;
  }
  // Room for so many answers, so that DONE needs no memory.
  void Reserve(std::size_t answers) {
    answers_.reserve(answers);
    answered_.reserve(answers);
  }

  void SetDiag(SocketDiag* diag) { diag_ = diag; }
  SocketDiag* diag() const override { return diag_; }

  const std::vector<Answer>& answers() const { return answers_; }
  std::size_t waiting() const { return waiting_.size() + to_make_; }
  unsigned accepted() const { return accepted_; }
  unsigned accept_calls() const { return accept_calls_; }
  unsigned done_calls() const { return done_calls_; }
  // Most requests that were taken and not answered at one time.
  std::size_t most_open() const { return most_open_; }

  Result<std::optional<Request>> Accept() override {
    ++accept_calls_;
    if (failing_accepts_.Next()) {
      return Error{Code::kNetlinkFailed, "fake failure", accept_error_};
    }
    std::optional<Request> request;
    if (!waiting_.empty()) {
      request = std::move(waiting_.front());
      waiting_.pop_front();
    } else if (to_make_ > 0) {
      --to_make_;
      request = make_();
    }
    if (request.has_value()) {
      ++accepted_;
      most_open_ = std::max(most_open_, accepted_ - answers_.size());
      std::erase(answered_, request->socket.borrow().raw());
    }
    return request;
  }

  Status Done(BorrowedFd socket, const DoneAnswer& answer) override {
    ++done_calls_;
    const bool fails = failing_dones_.Next();
    if (!fails || loss_ == Loss::kAcknowledgement) {
      Take({socket.raw(), answer.status, answer.remote_auth,
            std::string(answer.tags)});
    }
    if (fails) {
      return Error{Code::kNetlinkFailed, "fake refusal", done_error_};
    }
    return Ok{};
  }

 private:
  // A second answer means nothing to the kernel.
  void Take(const Answer& answer) {
    if (std::ranges::find(answered_, answer.socket) == answered_.end()) {
      answers_.push_back(answer);
      answered_.push_back(answer.socket);
    }
  }

  SocketDiag* diag_ = nullptr;
  std::deque<Request> waiting_;
  unsigned to_make_ = 0;
  std::function<Request()> make_;
  std::vector<Answer> answers_;
  std::vector<int> answered_;  // sockets, since they were given out
  unsigned accepted_ = 0;
  unsigned accept_calls_ = 0;
  unsigned done_calls_ = 0;
  std::size_t most_open_ = 0;
  FailingCalls failing_accepts_ = FailingCalls::None();
  FailingCalls failing_dones_ = FailingCalls::None();
  int accept_error_ = 0;
  int done_error_ = 0;
  Loss loss_ = Loss::kAcknowledgement;
};

}  // namespace ktlsd::agent
