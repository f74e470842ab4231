// Prints docs/syscalls.md.
#include <cstdio>

#include "agent/sandbox/syscall_document.h"

int main() {
  return std::fputs(ktlsd::agent::SyscallDocument().c_str(), stdout) < 0 ? 1
                                                                         : 0;
}
