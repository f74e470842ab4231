// Locks a role's process down, for good.
//
// Scope:     empty root directory, unprivileged user, no capability, no
//            privilege by exec, no inspection, limits, and a filter of system
//            calls. What a sanitizer's run time cannot do without stays open in
//            builds with one: /proc, memory, a second thread.
// Layer:     agent/sandbox.
// Privilege: CAP_SYS_CHROOT, CAP_SETPCAP, CAP_SETUID, CAP_SETGID; none
//            afterwards.
// Design:    docs/design/process-model.md
#pragma once

#include "agent/sandbox/cell.h"
#include "agent/sandbox/lock_step.h"
#include "agent/sandbox/loop_kind.h"
#include "agent/sandbox/process_role.h"

namespace ktlsd::agent {

// Consumes `cell`. Comes once, before anything of another process is read; the
// process must have one thread. After a failure, end: what was done before it
// is not undone. `loop`: of a worker, made already.
LockResult LockDown(ProcessRole role, Cell cell,
                    LoopKind loop = LoopKind::kEpoll);

}  // namespace ktlsd::agent
