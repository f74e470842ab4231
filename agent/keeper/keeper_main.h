// The entry of a keeper process.
//
// Layer:     agent/keeper.
#pragma once

#include "agent/service/role_start.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {

// Runs a keeper on its end of the monitor's link until that closes, locked down
// by `lock_down`. Returns the process's exit code.
int RunKeeper(OwnedFd monitor_link, const LockDownCall& lock_down);

}  // namespace ktlsd::agent
