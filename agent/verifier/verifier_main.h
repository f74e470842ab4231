// The entry of a verifier process.
//
// Layer:     agent/verifier.
#pragma once

#include "agent/service/role_start.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {

// Runs a verifier on its end of the monitor's link until that closes, locked
// down by `lock_down`. Returns the process's exit code.
int RunVerifier(OwnedFd monitor_link, const LockDownCall& lock_down);

}  // namespace ktlsd::agent
