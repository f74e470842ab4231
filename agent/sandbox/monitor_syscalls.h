// Which system calls the monitor may make, and why.
//
// Scope:     names only, by purpose. What a role makes before it is locked down
//            is among them, as filters pass through exec.
// Layer:     agent/sandbox.
// Design:    docs/design/process-model.md
#pragma once

#include <span>
#include <string_view>

namespace ktlsd::agent {

struct SyscallGroup {
  std::string_view why;
  std::string_view names;  // with a blank between two
};

// In the order of the document.
std::span<const SyscallGroup> MonitorSyscalls();

}  // namespace ktlsd::agent
