// Which descriptors are ready: what an event loop waits with.
//
// Scope:     one interface for epoll and for a restricted io_uring. Edge
//            triggered: a watcher is told once, and then works until it would
//            block. Descriptors must be non-blocking or used with MSG_DONTWAIT.
//            A watcher may be told without a reason.
// Layer:     agent/worker.
// Threads:   one thread, the one that opened it.
// Design:    docs/design/event-loop.md
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "agent/sandbox/loop_kind.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

class Readiness {
 public:
  // Names a watcher for as long as its owner likes.
  using Token = uint64_t;

  // What of a descriptor is told; that it hangs up always is.
  enum class Interest : uint8_t { kInput, kInputAndRoom };

  virtual ~Readiness() = default;

  virtual LoopKind kind() const = 0;

  // Lets Wait() give `token` whenever `fd` becomes readable, hangs up or, where
  // that is of interest, becomes writable; and first if it is so now. `fd` is
  // borrowed until Unwatch: closing it does not end the watch, as another
  // process holds the same socket.
  virtual Status Watch(BorrowedFd fd, Token token, Interest interest) = 0;

  // Ends a watch; without one, does nothing. After success nothing in the
  // kernel looks at `fd` any more on our behalf; after an error that is not
  // certain.
  virtual Status Unwatch(BorrowedFd fd) = 0;

  // Waits until something is ready, a signal came, or `at_most` has passed
  // (nothing: for ever), and appends the tokens of what is ready to `ready`.
  // Errors: there is no way to go on.
  virtual Status Wait(std::optional<std::chrono::milliseconds> at_most,
                      std::vector<Token>& ready) = 0;
};

// Errors: kSystemFailed with the errno
Result<std::unique_ptr<Readiness>> OpenEpoll();

}  // namespace ktlsd::agent
