// The table of system calls as a page for people: docs/syscalls.md.
//
// Layer:     agent/sandbox.
#pragma once

#include <string>

namespace ktlsd::agent {

std::string SyscallDocument();

}  // namespace ktlsd::agent
