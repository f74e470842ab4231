// The privileged process: the kernel's requests, the configuration, and the
// other processes.
//
// Scope:     builds everything else, and runs it in one loop.
// Layer:     agent/monitor.
// Threads:   one thread.
// Privilege: uid 0, CAP_NET_ADMIN in the initial user namespace. Parses no byte
//            of a peer and no certificate.
// Design:    docs/design/process-model.md
#pragma once

#include <functional>
#include <string>

#include "agent/log/log_event.h"
#include "agent/netlink/open_upcalls.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {

// Opens the upcall of the daemon's own network namespace; is given the socket
// for READY that an earlier process kept, or none.
using OpenKernelCall = std::function<Result<OpenUpcalls>(OwnedFd kept)>;

// Runs until SIGINT or SIGTERM. Returns the process's exit code.
int RunMonitor(const std::string& config_path, LogSink& log,
               ktls::SocketOps& socket_ops, const OpenKernelCall& open);

}  // namespace ktlsd::agent
