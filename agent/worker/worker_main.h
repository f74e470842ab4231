// The entry of a worker process.
//
// Layer:     agent/worker.
#pragma once

#include "agent/service/role_start.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {

// Runs a worker on its end of the monitor's link until that closes, locked down
// by `lock_down`. Returns the process's exit code.
int RunWorker(OwnedFd monitor_link, const LockDownCall& lock_down);

}  // namespace ktlsd::agent
