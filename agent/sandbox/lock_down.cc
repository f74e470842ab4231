#include "agent/sandbox/lock_down.h"

#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>

#include "agent/sandbox/syscall_filter.h"
#include "agent/service/process.h"

namespace ktlsd::agent {
namespace {

constexpr rlim_t kMebi = rlim_t{1} << 20;
constexpr rlim_t kUnchanged = RLIM_INFINITY;

struct Limits {
  rlim_t address_space;  // bytes
  rlim_t descriptors;
};

// A worker holds a descriptor for each job, as many as the monitor takes on; a
// service one for each worker, and the files that it is just given.
constexpr Limits LimitsOf(ProcessRole role) {
  switch (role) {
    case ProcessRole::kKeeper:
      return {512 * kMebi, 512};
    case ProcessRole::kTokenKeeper:
    case ProcessRole::kVerifier:
      return {1024 * kMebi, 512};
    case ProcessRole::kWorker:
      return {1024 * kMebi, 4096 + 256};
  }
  return {0, 0};
}

// Each step returns 0 or an errno.
int ErrnoOf(bool done) { return done ? 0 : errno; }

int EnterRoot(Cell& cell) {
  if (!kMayBeInspected &&
      (::fchdir(cell.root.raw()) != 0 || ::chroot(".") != 0)) {
    return errno;
  }
  cell.root.Close();
  return 0;
}

int EmptyBoundingSet() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
       ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      return errno;
    }
  }
  return ErrnoOf(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ==
                     0 &&
                 ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
}

int Become(const RoleUser& user) {
  return ErrnoOf(::setgroups(0, nullptr) == 0 &&
                 ::setresgid(user.gid, user.gid, user.gid) == 0 &&
                 ::setresuid(user.uid, user.uid, user.uid) == 0);
}

struct FreeCapabilities {
  void operator()(void* capabilities) const { ::cap_free(capabilities); }
};

int DropCapabilities() {
  const std::unique_ptr<_cap_struct, FreeCapabilities> none(::cap_init());
  return ErrnoOf(none != nullptr && ::cap_set_proc(none.get()) == 0);
}

// The change of user took both back.
int ForbidInspectionAgain() {
  const Status forbidden = ForbidInspection();
  return forbidden.ok() ? ErrnoOf(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
                        : forbidden.error().os_error;
}

// Lowers the limit for good; one that is lower already stays.
int Lower(__rlimit_resource resource, rlim_t value) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) {
    return errno;
  }
  limit.rlim_max = std::min(limit.rlim_max, value);
  limit.rlim_cur = std::min(limit.rlim_cur, limit.rlim_max);
  return ErrnoOf(::setrlimit(resource, &limit) == 0);
}

int LimitProcess(ProcessRole role) {
  const Limits limits = LimitsOf(role);
  // Shadow memory, reports and the leak check's thread need more.
  const std::array<std::pair<__rlimit_resource, rlim_t>, 4> wanted = {
      std::pair{RLIMIT_AS, kMayBeInspected ? kUnchanged : limits.address_space},
      {RLIMIT_NPROC, kMayBeInspected ? kUnchanged : 0},
      {RLIMIT_FSIZE, kMayBeInspected ? kUnchanged : 0},
      {RLIMIT_NOFILE, limits.descriptors}};
  for (const auto& [resource, value] : wanted) {
    if (const int error = Lower(resource, value); error != 0) {
      return error;
    }
  }
  return 0;
}

}  // namespace

LockResult LockDown(ProcessRole role, Cell cell, LoopKind loop) {
  // Capabilities go after the user: they are what the change needs. The filter
  // comes last: it allows none of these calls.
  const auto take = [&](LockStep step) {
    switch (step) {
      case LockStep::kPrepare:
        return 0;
      case LockStep::kRoot:
        return EnterRoot(cell);
      case LockStep::kBoundingSet:
        return EmptyBoundingSet();
      case LockStep::kUser:
        return Become(cell.user);
      case LockStep::kCapabilities:
        return DropCapabilities();
      case LockStep::kInspection:
        return ForbidInspectionAgain();
      case LockStep::kLimits:
        return LimitProcess(role);
      case LockStep::kSystemCalls:
        return FilterSyscalls(role, loop);
    }
    return EINVAL;
  };
  for (std::size_t i = 0; i < kLockStepFailures.size(); ++i) {
    const auto step = static_cast<LockStep>(i);
    if (const int error = take(step); error != 0) {
      return LockFailure{step, error};
    }
  }
  return std::nullopt;
}

}  // namespace ktlsd::agent
