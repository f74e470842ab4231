// Readiness by an io_uring: one poll for each watch, which goes on until it is
// cancelled.
//
// Scope:     watches and their polls, under numbers that are never used twice:
//            a completion that comes late finds nobody. Watches are handed to
//            the kernel with the next wait; the end of one is waited for.
// Layer:     agent/worker.
// Design:    docs/design/event-loop.md
#pragma once

#include <memory>

#include "agent/worker/poll_ring.h"
#include "agent/worker/readiness.h"
#include "agent/worker/ring_calls.h"
#include "base/result.h"

namespace ktlsd::agent {

// `calls` must outlive the result.
// Errors: as PollRing::Make
Result<std::unique_ptr<Readiness>> OpenRing(RingCalls& calls,
                                            PollRing::Size size = {});

}  // namespace ktlsd::agent
