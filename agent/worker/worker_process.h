// A worker process, whatever it installs keys with.
//
// Layer:     agent/worker.
#pragma once

#include "agent/service/role_start.h"
#include "base/owned_fd.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {

// Runs a worker on its end of the monitor's link until that closes, locked down
// by `lock_down`. Returns the process's exit code.
int RunWorkerProcess(OwnedFd monitor_link, const LockDownCall& lock_down,
                     ktls::SocketOps& socket_ops);

}  // namespace ktlsd::agent
