// The entries of a keeper process.
//
// Layer:     agent/keeper.
#pragma once

#include "agent/service/role_start.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {

// Runs a keeper on its end of the monitor's link until that closes, locked down
// by `lock_down`. Returns the process's exit code.
int RunKeeper(OwnedFd monitor_link, const LockDownCall& lock_down);

// The same, with keys in tokens: the monitor's first message, OpenTokens, names
// them. It is read before the lock-down, and each key is opened then, once: its
// module, files and sockets are within reach. A module that starts threads ends
// the process, for no filter would bind them.
int RunTokenKeeper(OwnedFd monitor_link, const LockDownCall& lock_down);

}  // namespace ktlsd::agent
