// Which event loop a worker gets: an io_uring where that is wished for and
// there is one, else epoll.
//
// Scope:     comes before the lock-down, which forbids to make either.
// Layer:     agent/worker.
// Design:    docs/design/event-loop.md
#pragma once

#include <memory>
#include <string_view>

#include "agent/sandbox/loop_kind.h"
#include "agent/worker/readiness.h"
#include "agent/worker/ring_calls.h"
#include "base/result.h"

namespace ktlsd::agent {

struct OpenedReadiness {
  std::unique_ptr<Readiness> readiness;
  int os_error = 0;  // why it is no io_uring though that was wished for, or 0
};

// What KTLSD_EVENT_LOOP says: "io_uring" or "epoll"; anything else is the
// default.
LoopKind WishedLoop(std::string_view text);

// `calls` must outlive the result.
// Errors: kSystemFailed with the errno: neither can be had
Result<OpenedReadiness> OpenReadiness(LoopKind wished, RingCalls& calls);

}  // namespace ktlsd::agent
