// The entry of a worker process.
//
// Layer:     agent/worker.
#pragma once

#include "base/owned_fd.h"

namespace ktlsd::agent {

// Runs a worker on its end of the monitor's link until that closes. Returns
// the process's exit code.
int RunWorker(OwnedFd monitor_link);

}  // namespace ktlsd::agent
