// What the monitor gives up once it has begun.
//
// Layer:     agent/sandbox.
// Design:    docs/design/process-model.md
#pragma once

#include "base/result.h"

namespace ktlsd::agent {

// Moves this process, and with it every role that it starts, into a network
// namespace of its own with nothing in it, and likewise for System V IPC.
// Sockets that are open stay where they are, and so do those passed in later. A
// kernel without such namespaces has nothing to leave.
//
// Privilege: CAP_SYS_ADMIN.
// Errors:    kSystemFailed with the errno
Status LeaveNetwork();

// Gives up every capability but these, for good, and those that exec would
// give.
//
// In use:    CAP_NET_ADMIN       the kernel's handshake requests
//            CAP_DAC_READ_SEARCH files of other users, as tlshd can read them;
//                                a service may be started without it
//            CAP_KILL            ends roles, which are another user's
// For roles: CAP_SYS_CHROOT, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, which this
//            process itself has not in effect
// Errors:    kSystemFailed with the errno: one of them is missing
Status KeepNeededCapabilities();

}  // namespace ktlsd::agent
