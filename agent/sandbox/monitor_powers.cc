#include "agent/sandbox/monitor_powers.h"

#include <sched.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

namespace ktlsd::agent {
namespace {

constexpr std::array kInUse = {CAP_NET_ADMIN, CAP_DAC_READ_SEARCH, CAP_KILL};
// All of both; exec gives a role what is permitted here.
constexpr std::array kPermitted = {
    CAP_NET_ADMIN, CAP_DAC_READ_SEARCH, CAP_KILL,   CAP_SYS_CHROOT,
    CAP_SETUID,    CAP_SETGID,          CAP_SETPCAP};

struct FreeCapabilities {
  void operator()(void* capabilities) const { ::cap_free(capabilities); }
};

Error CannotDrop() {
  return {Code::kSystemFailed, "cannot reduce capabilities", errno};
}

Status LowerBoundingSet() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
       ++capability) {
    if (std::ranges::find(kPermitted, capability) == kPermitted.end() &&
        ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      return CannotDrop();
    }
  }
  return Ok{};
}

using Capabilities = std::unique_ptr<_cap_struct, FreeCapabilities>;

// Takes those out of `set` that this process may do without and has not got.
bool WithoutMissing(cap_t own, cap_t set) {
  constexpr cap_value_t kOptional = CAP_DAC_READ_SEARCH;
  cap_flag_value_t has = CAP_CLEAR;
  if (own == nullptr ||
      ::cap_get_flag(own, kOptional, CAP_PERMITTED, &has) != 0) {
    return false;
  }
  return has == CAP_SET ||
         (::cap_set_flag(set, CAP_PERMITTED, 1, &kOptional, CAP_CLEAR) == 0 &&
          ::cap_set_flag(set, CAP_EFFECTIVE, 1, &kOptional, CAP_CLEAR) == 0);
}

template <std::size_t N>
bool Raise(cap_t set, cap_flag_t flag, const std::array<int, N>& values) {
  return ::cap_set_flag(set, flag, N, values.data(), CAP_SET) == 0;
}

}  // namespace

Status LeaveNetwork() {
  for (const int kind : {CLONE_NEWNET, CLONE_NEWIPC}) {
    // EINVAL: the kernel was built without them.
    if (::unshare(kind) != 0 && errno != EINVAL) {
      return Error{Code::kSystemFailed, "cannot leave the network namespace",
                   errno};
    }
  }
  return Ok{};
}

Status KeepNeededCapabilities() {
  RETURN_IF_ERROR(LowerBoundingSet());
  const Capabilities own(::cap_get_proc());
  const Capabilities set(::cap_init());
  if (set == nullptr || !Raise(set.get(), CAP_PERMITTED, kPermitted) ||
      !Raise(set.get(), CAP_EFFECTIVE, kInUse) ||
      !WithoutMissing(own.get(), set.get()) || ::cap_set_proc(set.get()) != 0 ||
      ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return CannotDrop();
  }
  return Ok{};
}

}  // namespace ktlsd::agent
