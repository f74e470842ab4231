// Work that is done within another network namespace.
//
// Scope:     a thread of its own enters the namespace, works and ends, so the
//            caller never leaves its own and there is no way back that could
//            fail. What the work opens stays in that namespace.
// Layer:     agent/netns.
// Privilege: CAP_SYS_ADMIN among the permitted capabilities; it is in effect in
//            that thread only, and only to enter.
// Design:    docs/design/network-namespaces.md
#pragma once

#include <functional>

#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

// Runs `work` in the namespace that `netns` is open on, and waits for it.
// Errors: those of `work`; kNoMemory when it threw; kSystemFailed with the
// errno: the namespace cannot
//         be entered, or no thread be started; `work` was not called then
Status RunInside(BorrowedFd netns, const std::function<Status()>& work);

}  // namespace ktlsd::agent
