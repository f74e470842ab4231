// The worker's event loop: readiness of descriptors, and deadlines.
//
// Scope:     what it waits with is behind agent/worker/readiness.h.
// Layer:     agent/worker.
// Threads:   one loop per thread.
// Design:    docs/design/event-loop.md
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include "agent/worker/readiness.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "base/turn_clock.h"

namespace ktlsd::agent {

class EventLoop {
 public:
  // Names a watcher or a deadline; the owner gives the numbers out, and what
  // it gave to a watcher that is gone may still be told once.
  using Token = Readiness::Token;

  // What the loop calls. Neither may throw.
  struct Handlers {
    std::function<void(Token)> on_ready;
    std::function<void(Token)> on_deadline;
  };

  // `readiness` is not null; `clock` must outlive the loop.
  EventLoop(std::unique_ptr<Readiness> readiness, const Clock& clock,
            Handlers handlers);

  // As Readiness has it; what is ready is told to on_ready.
  Status Watch(
      BorrowedFd fd, Token token,
      Readiness::Interest interest = Readiness::Interest::kInputAndRoom) {
    return readiness_->Watch(fd, token, interest);
  }
  Status Unwatch(BorrowedFd fd) { return readiness_->Unwatch(fd); }

  // Tells on_deadline(token) once `when` has come. Deadlines cannot be taken
  // back; an owner ignores those that it no longer means.
  void At(MonotonicTime when, Token token);

  // The time as it was when this turn began.
  const Clock& clock() const { return clock_; }

  // Runs until Stop(), or until it cannot wait any more.
  Status Run();
  void Stop() { running_ = false; }

 private:
  struct Deadline {
    MonotonicTime when;
    Token token;
    bool operator>(const Deadline& other) const { return when > other.when; }
  };

  std::optional<std::chrono::milliseconds> UntilNext() const;
  void RunDeadlines();

  std::unique_ptr<Readiness> readiness_;
  TurnClock clock_;
  Handlers handlers_;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>>
      deadlines_;
  std::vector<Token> ready_;
  bool running_ = false;
};

}  // namespace ktlsd::agent
