// The worker's event loop: readiness of descriptors, and deadlines.
//
// Scope:     epoll, edge triggered: a watcher is told once and then works until
//            it would block. Descriptors must be non-blocking or used with
//            MSG_DONTWAIT.
// Layer:     agent/worker.
// Threads:   one loop per thread.
// Design:    docs/design/process-model.md
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

class EventLoop {
 public:
  // Names a watcher or a deadline for as long as its owner likes; the owner
  // gives the numbers out and never twice.
  using Token = uint64_t;

  // What the loop calls. Neither may throw.
  struct Handlers {
    std::function<void(Token)> on_ready;
    std::function<void(Token)> on_deadline;
  };

  // `clock` must outlive the loop.
  EventLoop(const Clock& clock, Handlers handlers);

  // Comes before everything else.
  Status Open();

  // Tells on_ready(token) whenever `fd` becomes readable, writable or hangs
  // up. `fd` is borrowed until Unwatch: closing it does not end the watch, as
  // another process holds the same socket.
  Status Watch(BorrowedFd fd, Token token);
  void Unwatch(BorrowedFd fd);

  // Tells on_deadline(token) once `when` has come. Deadlines cannot be taken
  // back; an owner ignores those that it no longer means.
  void At(MonotonicTime when, Token token);

  // Runs until Stop().
  Status Run();
  void Stop() { running_ = false; }

 private:
  struct Deadline {
    MonotonicTime when;
    Token token;
    bool operator>(const Deadline& other) const { return when > other.when; }
  };

  int MillisecondsToNext() const;
  void RunDeadlines();

  OwnedFd epoll_;
  const Clock& clock_;
  Handlers handlers_;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>>
      deadlines_;
  bool running_ = false;
};

}  // namespace ktlsd::agent
