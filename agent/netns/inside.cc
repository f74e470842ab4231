#include "agent/netns/inside.h"

#include <sched.h>
#include <sys/capability.h>

#include <cerrno>
#include <exception>
#include <memory>
#include <system_error>
#include <thread>

namespace ktlsd::agent {
namespace {

struct FreeCapabilities {
  void operator()(void* capabilities) const { ::cap_free(capabilities); }
};

// Sets or clears CAP_SYS_ADMIN's effect in this thread.
bool SwitchSysAdmin(cap_flag_value_t value) {
  const std::unique_ptr<_cap_struct, FreeCapabilities> set(::cap_get_proc());
  constexpr cap_value_t kCapability = CAP_SYS_ADMIN;
  return set != nullptr &&
         ::cap_set_flag(set.get(), CAP_EFFECTIVE, 1, &kCapability, value) ==
             0 &&
         ::cap_set_proc(set.get()) == 0;
}

Status Enter(BorrowedFd netns) {
  if (!SwitchSysAdmin(CAP_SET)) {
    return Error{Code::kSystemFailed, "CAP_SYS_ADMIN was given up", errno};
  }
  if (::setns(netns.raw(), CLONE_NEWNET) != 0) {
    return Error{Code::kSystemFailed, "cannot enter a network namespace",
                 errno};
  }
  if (!SwitchSysAdmin(CAP_CLEAR)) {
    return Error{Code::kSystemFailed, "cannot reduce capabilities", errno};
  }
  return Ok{};
}

// In a thread, which an exception must not leave.
Status Visit(BorrowedFd netns, const std::function<Status()>& work) noexcept {
  try {
    RETURN_IF_ERROR(Enter(netns));
    return work();
  } catch (const std::exception&) {
    return Error{Code::kNoMemory, "no memory in a network namespace"};
  }
}

}  // namespace

Status RunInside(BorrowedFd netns, const std::function<Status()>& work) {
  Status result = Ok{};
  try {
    std::thread visitor([&]() noexcept { result = Visit(netns, work); });
    visitor.join();
  } catch (const std::system_error& failed) {
    return Error{Code::kSystemFailed, "cannot start a thread",
                 failed.code().value()};
  }
  return result;
}

}  // namespace ktlsd::agent
