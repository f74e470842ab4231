// The entry of a keeper process.
//
// Layer:     agent/keeper.
#pragma once

#include "base/owned_fd.h"

namespace ktlsd::agent {

// Runs a keeper on its end of the monitor's link until that closes. Returns the
// process's exit code.
int RunKeeper(OwnedFd monitor_link);

}  // namespace ktlsd::agent
