// The filters of system calls, made from the tables.
//
// Layer:     agent/sandbox.
// Privilege: no_new_privs is set.
#pragma once

#include "agent/sandbox/loop_kind.h"
#include "agent/sandbox/process_role.h"

namespace ktlsd::agent {

// From here on a call that the table does not allow `role`, a worker with an
// event loop of kind `loop`, ends this process at once, by SIGSYS. There is no
// way back. Returns 0 or an errno.
int FilterSyscalls(ProcessRole role, LoopKind loop = LoopKind::kEpoll);

// From here on a call that the monitor's list (monitor_syscalls.h) does not
// have fails with EPERM, in this process and in every one that it starts; the
// kernel logs it. In a build with a sanitizer: nothing. Returns 0 or an errno.
int FilterMonitor();

}  // namespace ktlsd::agent
