#include "agent/service/process.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>

namespace ktlsd::agent {

Status ForbidInspection() {
  constexpr rlimit kNone = {0, 0};
  if (::prctl(PR_SET_DUMPABLE, kMayBeInspected ? 1 : 0, 0, 0, 0) != 0 ||
      ::setrlimit(RLIMIT_CORE, &kNone) != 0) {
    return Error{Code::kSystemFailed, "cannot forbid core dumps", errno};
  }
  return Ok{};
}

Status PrepareProcess() {
  RETURN_IF_ERROR(ForbidInspection());
  for (const int signal : {SIGINT, SIGHUP, SIGUSR1, SIGPIPE}) {
    if (::signal(signal, SIG_IGN) == SIG_ERR) {
      return Error{Code::kSystemFailed, "cannot ignore a signal", errno};
    }
  }
  return Ok{};
}

}  // namespace ktlsd::agent
