#include "agent/sandbox/syscall_document.h"

#include <fmt/format.h>

#include "agent/sandbox/monitor_syscalls.h"
#include "agent/sandbox/syscall_table.h"

namespace ktlsd::agent {
namespace {

constexpr std::string_view kHead =
    R"(# System calls of the roles

Written from `agent/sandbox/syscall_table.cc` by
`bazel run //agent/sandbox:syscalls > docs/syscalls.md`; a test compares the
two. Change the table, not this page.

A role that makes any other call, or one of these in another way, is killed by
the kernel (`SECCOMP_RET_KILL_PROCESS`) at that call: the log says
`killed by signal 31`, and the kernel's log has the number of the call.

What the libraries below us call on their way (glibc, libstdc++, libcrypto) is
in the list too. A call that an architecture does not have is left out there.
Builds with a sanitizer allow more, from a list of their own.

`keeper-token` is the keeper where a key is in a token ([tokens.md](tokens.md)).
A worker waits with an io_uring or with epoll
([design/event-loop.md](design/event-loop.md)), and may make only the calls of
its kind.

| call | only | keeper | keeper-token | verifier | worker, io_uring | worker, epoll | why |
|---|---|---|---|---|---|---|---|
)";

constexpr std::string_view kMonitorHead = R"(
## The monitor

It starts processes and reads files, so its list is long, and is about names
only (`agent/sandbox/monitor_syscalls.cc`). Any other call fails with `EPERM`,
which the kernel logs (`SECCOMP_RET_ERRNO` with `SECCOMP_FILTER_FLAG_LOG`): the
monitor answers for everybody, and one call that nobody thought of must not end
it. Not in the list, among others: mounting, making namespaces, tracing and
reading other processes, kernel modules, BPF, performance counters, handles of
files, devices, the clock, rebooting. The other processes inherit the list at
their start, and put their own on top of it.

| calls | why |
|---|---|
)";

std::string Mark(const AllowedSyscall& call, SyscallList list) {
  return MayCall(call, list) ? "yes" : "";
}

std::string Conditions(const AllowedSyscall& call) {
  std::string text;
  for (const ArgumentRule& rule : call.rules) {
    if (!rule.text.empty()) {
      text += fmt::format("{}{}", text.empty() ? "" : ", ", rule.text);
    }
  }
  return text;
}

}  // namespace

std::string SyscallDocument() {
  std::string page(kHead);
  for (const AllowedSyscall& call : AllowedSyscalls()) {
    page +=
        fmt::format("| `{}` | {} | {} | {} | {} | {} | {} | {} |\n", call.name,
                    Conditions(call), Mark(call, SyscallList::kKeeper),
                    Mark(call, SyscallList::kTokenKeeper),
                    Mark(call, SyscallList::kVerifier),
                    Mark(call, SyscallList::kRingWorker),
                    Mark(call, SyscallList::kEpollWorker), call.why);
  }
  page += kMonitorHead;
  for (const SyscallGroup& group : MonitorSyscalls()) {
    page += fmt::format("| `{}` | {} |\n", group.names, group.why);
  }
  return page;
}

}  // namespace ktlsd::agent
