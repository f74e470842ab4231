// Starting a role as a process of its own.
//
// Scope:     the same program, by exec: a fresh address space, no descriptor
//            but its end of the monitor's link; the standard ones lead
//            nowhere.
// Layer:     agent/monitor.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "agent/ipc/link.h"
#include "base/result.h"

namespace ktlsd::agent {

enum class ProcessRole : uint8_t { kKeeper, kVerifier, kWorker };

std::string_view RoleName(ProcessRole role);

// Where a role finds its end of the monitor's link.
inline constexpr int kLinkDescriptor = 3;

struct Spawned {
  pid_t pid;
  Link link;
};

// Errors: kNoDescriptors, kSystemFailed with the errno.
Result<Spawned> Spawn(ProcessRole role);

}  // namespace ktlsd::agent
