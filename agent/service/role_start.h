// How a role begins: as prepared as it can be, then locked down.
//
// Layer:     agent/service.
#pragma once

#include <functional>

#include "agent/ipc/link.h"
#include "agent/sandbox/lock_step.h"
#include "agent/sandbox/loop_kind.h"

namespace ktlsd::agent {

// Locks this process down, a worker with the event loop that it has made.
using LockDownCall = std::function<LockResult(LoopKind)>;

// Does what is only possible before `lock_down`, and calls that. Nothing of
// another process has been read by then. False: it failed, and the monitor was
// told; end the process.
[[nodiscard]] bool StartRole(Link& monitor, const LockDownCall& lock_down,
                             LoopKind loop = LoopKind::kEpoll);

}  // namespace ktlsd::agent
