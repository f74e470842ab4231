// ktlsd: TLS handshakes for the Linux kernel. The command line is tlshd's.
#include <getopt.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/config/config.h"
#include "agent/keeper/keeper_main.h"
#include "agent/kernel_source.h"
#include "agent/keyring/keyrings.h"
#include "agent/log/log_sinks.h"
#include "agent/monitor/monitor.h"
#include "agent/monitor/spawn.h"
#include "agent/sandbox/cell.h"
#include "agent/sandbox/lock_down.h"
#include "agent/sandbox/loop_kind.h"
#include "agent/sandbox/process_role.h"
#include "agent/service/process.h"
#include "agent/service/role_start.h"
#include "agent/verifier/verifier_main.h"
#include "agent/version.h"
#include "agent/worker/worker_main.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

constexpr char kUsage[] =
    "usage: ktlsd [options]\n"
    "  -c, --config FILE   read this configuration file\n"
    "  -s, --stderr        log to standard error, not to the journal\n"
    "  -v, --version       print the version and end\n"
    "  -h, --help          print this and end\n";

struct Options {
  std::optional<std::string> config;
  bool to_stderr = false;
  // Of a process that the monitor started.
  std::optional<std::string> role;
  std::optional<RoleUser> user;
  std::optional<int> exit_code;  // nothing is to be done
};

Options Misused() {
  std::fputs(kUsage, stderr);
  Options options;
  options.exit_code = EXIT_FAILURE;
  return options;
}

Options ReadOptions(int count, char** arguments) {
  constexpr int kRole = 1;
  constexpr int kUser = 2;
  constexpr option kLong[] = {
      {"config", required_argument, nullptr, 'c'},
      {"stderr", no_argument, nullptr, 's'},
      {"version", no_argument, nullptr, 'v'},
      {"help", no_argument, nullptr, 'h'},
      {"role", required_argument, nullptr, kRole},
      {"user", required_argument, nullptr, kUser},
      {nullptr, 0, nullptr, 0},
  };
  Options options;
  for (;;) {
    switch (::getopt_long(count, arguments, "c:svh", kLong, nullptr)) {
      case -1:
        return optind < count ? Misused() : options;
      case 'c':
        options.config = optarg;
        break;
      case 's':
        options.to_stderr = true;
        break;
      case 'v':
        std::printf("ktlsd version %s\n", kVersion);
        options.exit_code = EXIT_SUCCESS;
        return options;
      case 'h':
        std::fputs(kUsage, stdout);
        options.exit_code = EXIT_SUCCESS;
        return options;
      case kRole:
        options.role = optarg;
        break;
      case kUser:
        options.user = ParseRoleUser(optarg);
        break;
      default:
        return Misused();
    }
  }
}

// Gives up what the monitor has and a role must not.
Status BecomeRole(const std::string& role) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NAME, ("ktlsd-" + role).c_str());
  ::setpriority(PRIO_PROCESS, 0, 0);
  // When memory is short the monitor may be spared: it can replace a role.
  std::ofstream("/proc/self/oom_score_adj") << 0;
  return LeaveKeyrings();
}

struct RoleEntry {
  ProcessRole role;
  int (*run)(OwnedFd monitor_link, const LockDownCall& lock_down);
};

constexpr std::array kRoles = {
    RoleEntry{ProcessRole::kKeeper, RunKeeper},
    RoleEntry{ProcessRole::kTokenKeeper, RunTokenKeeper},
    RoleEntry{ProcessRole::kVerifier, RunVerifier},
    RoleEntry{ProcessRole::kWorker, RunWorker}};

int RunRole(const std::string& role, const RoleUser& user) {
  OwnedFd link(kLinkDescriptor);
  Cell cell{OwnedFd(kRootDescriptor), user};
  if (const Status became = BecomeRole(role); !became.ok()) {
    // Without keyrings, or where they are forbidden, there are none to leave.
    const int os_error = became.error().os_error;
    if (os_error != ENOSYS && os_error != EPERM) {
      return EXIT_FAILURE;
    }
  }
  for (const RoleEntry& entry : kRoles) {
    if (role == RoleName(entry.role)) {
      return entry.run(std::move(link), [&](LoopKind loop) {
        return LockDown(entry.role, std::move(cell), loop);
      });
    }
  }
  return EXIT_FAILURE;
}

int Main(int count, char** arguments) {
  const Options options = ReadOptions(count, arguments);
  if (options.exit_code.has_value()) {
    return *options.exit_code;
  }
  if (const Status forbidden = ForbidInspection(); !forbidden.ok()) {
    std::fprintf(stderr, "ktlsd: %s\n",
                 std::string(forbidden.error().what).c_str());
    return EXIT_FAILURE;
  }
  if (options.role.has_value()) {
    return options.user.has_value() ? RunRole(*options.role, *options.user)
                                    : EXIT_FAILURE;
  }
  const std::unique_ptr<LogSink> log = OpenLog(options.to_stderr);
  const std::unique_ptr<ktls::SocketOps> socket_ops = MakeSocketOps();
  return RunMonitor(options.config.value_or(DefaultConfigPath()), *log,
                    *socket_ops, OpenKernel);
}

}  // namespace
}  // namespace ktlsd::agent

int main(int count, char** arguments) {
  try {
    return ktlsd::agent::Main(count, arguments);
  } catch (...) {
    // No memory, before anything was begun or in a role: the monitor answers
    // for a role that ends.
    std::fputs("ktlsd: out of memory\n", stderr);
    return EXIT_FAILURE;
  }
}
