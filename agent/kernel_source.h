// What the monitor has of the kernel.
//
// Scope:     two functions, defined by the program's variant: the real ones, or
//            ones for tests, that cannot confirm anything, or that take
//            requests from a program.
// Layer:     agent.
#pragma once

#include <memory>

#include "agent/netlink/open_upcalls.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {

// What it reads the kernel's TLS state with.
std::unique_ptr<ktls::SocketOps> MakeSocketOps();

// The upcall of the network namespace of the start, with a socket for READY
// that an earlier process `kept`, if it is one.
Result<OpenUpcalls> OpenKernel(OwnedFd kept);

}  // namespace ktlsd::agent
