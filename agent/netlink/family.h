// The family "handshake" of the running kernel: its numbers and its policy.
//
// Layer:     agent/netlink.
// Threads:   pure functions but for the socket.
#pragma once

#include <cstdint>

#include "agent/netlink/asker.h"
#include "agent/netlink/policy.h"
#include "base/result.h"

namespace ktlsd::agent {

// As they are now: a family that goes and comes again has others.
struct Family {
  uint16_t id = 0;
  uint32_t group = 0;
};

// Errors: kNetlinkFailed: there is no such family (ENOENT), or no such group in
//         it
Result<Family> FindFamily(Asker& kernel);

// A kernel that does not tell has that of every kernel.
KernelPolicy ReadPolicy(Asker& kernel, const Family& family);

}  // namespace ktlsd::agent
