#include "agent/sandbox/syscall_filter.h"

#include <seccomp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>

#include "agent/sandbox/monitor_syscalls.h"
#include "agent/sandbox/syscall_table.h"
#include "agent/service/process.h"

namespace ktlsd::agent {
namespace {

struct Release {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

scmp_arg_cmp Comparison(const ArgumentRule& rule) {
  const uint64_t value = rule.value == ArgumentRule::kOwnProcess
                             ? static_cast<uint64_t>(::getpid())
                             : rule.value;
  return {rule.argument, SCMP_CMP_MASKED_EQ, rule.mask, value};
}

// Returns 0 or a negative errno.
int Allow(const Filter& filter, const AllowedSyscall& call) {
  const int number =
      ::seccomp_syscall_resolve_name(std::string(call.name).c_str());
  if (number == __NR_SCMP_ERROR) {
    return -ENOSYS;
  }
  std::array<scmp_arg_cmp, 2> comparisons{};
  unsigned count = 0;
  for (const ArgumentRule& rule : call.rules) {
    if (!rule.text.empty()) {
      comparisons.at(count++) = Comparison(rule);
    }
  }
  // Leaves out what this architecture does not have.
  return ::seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, number, count,
                                  comparisons.data());
}

int AllowAll(const Filter& filter, SyscallList list,
             std::span<const AllowedSyscall> calls) {
  for (const AllowedSyscall& call : calls) {
    const int error = MayCall(call, list) ? Allow(filter, call) : 0;
    if (error != 0) {
      return error;
    }
  }
  return 0;
}

// A call by the number of another architecture ends the process; libseccomp
// itself would end the thread only. What fails by the kernel's doing keeps its
// errno. Returns 0 or a negative errno.
int Prepare(const Filter& filter) {
  const int error = ::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH,
                                       SCMP_ACT_KILL_PROCESS);
  return error != 0
             ? error
             : ::seccomp_attr_set(filter.get(), SCMP_FLTATR_API_SYSRAWRC, 1);
}

int AllowGroup(const Filter& filter, const SyscallGroup& group) {
  std::string_view rest = group.names;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view name = rest.substr(0, end);
    if (const int error = Allow(filter, {name, 0, group.why}); error != 0) {
      return error;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return 0;
}

}  // namespace

int FilterSyscalls(ProcessRole role, LoopKind loop) {
  const SyscallList list = ListOf(role, loop);
  const Filter filter(::seccomp_init(SCMP_ACT_KILL_PROCESS));
  if (filter == nullptr) {
    return ENOMEM;
  }
  int error = Prepare(filter);
  error = error != 0 ? error : AllowAll(filter, list, AllowedSyscalls());
  error = error != 0 ? error : AllowAll(filter, list, SanitizerSyscalls());
  error = error != 0 ? error : ::seccomp_load(filter.get());
  return -error;
}

int FilterMonitor() {
  if (kMayBeInspected) {
    return 0;
  }
  const Filter filter(::seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (filter == nullptr) {
    return ENOMEM;
  }
  int error = Prepare(filter);
  for (const SyscallGroup& group : MonitorSyscalls()) {
    error = error != 0 ? error : AllowGroup(filter, group);
  }
  // Both are welcome, not needed: a line in the kernel's log for each refusal,
  // and a search by halves, as every call of every role passes here.
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_LOG, 1);
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  error = error != 0 ? error : ::seccomp_load(filter.get());
  return -error;
}

}  // namespace ktlsd::agent
