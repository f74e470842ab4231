// Starting a role as a process of its own.
//
// Scope:     the same program, by exec: a fresh address space, no descriptor
//            but its end of the monitor's link and its root directory to be;
//            the standard ones lead nowhere. It is told its user by
//            --user=UID:GID.
// Layer:     agent/monitor.
#pragma once

#include <sys/types.h>

#include "agent/ipc/link.h"
#include "agent/sandbox/cell.h"
#include "agent/sandbox/process_role.h"
#include "base/result.h"

namespace ktlsd::agent {

// Where a role finds its end of the monitor's link, and its root directory.
inline constexpr int kLinkDescriptor = 3;
inline constexpr int kRootDescriptor = 4;

struct Spawned {
  pid_t pid;
  Link link;
};

// The role will lock itself into `cell`.
// Errors: kNoDescriptors, kSystemFailed with the errno.
Result<Spawned> Spawn(ProcessRole role, const Cell& cell);

}  // namespace ktlsd::agent
