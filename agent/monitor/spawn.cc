#include "agent/monitor/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include "agent/service/process.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

// A duplicate whose number none of a role's descriptors has: the original may
// have any, if we were started without the standard ones.
OwnedFd OutOfTheWay(BorrowedFd descriptor) {
  return OwnedFd(
      ::fcntl(descriptor.raw(), F_DUPFD_CLOEXEC, kRootDescriptor + 1));
}

// What the child does between vfork and exec. Both descriptors are out of its
// way.
class SpawnPlan {
 public:
  SpawnPlan(BorrowedFd link, BorrowedFd root) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, link.raw(), kLinkDescriptor);
    ::posix_spawn_file_actions_adddup2(&actions_, root.raw(), kRootDescriptor);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null",
                                       O_RDONLY, 0);
    // Our standard error may be the log: what stands there is the monitor's.
    ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null",
                                       O_WRONLY, 0);
    if (!kReportsToStderr) {
      ::posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null",
                                         O_WRONLY, 0);
    }
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, kRootDescriptor + 1);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    ::sigemptyset(&none);
    sigset_t all;
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    // A group of its own: a Ctrl-C on the terminal is for the monitor.
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK |
                                                 POSIX_SPAWN_SETSIGDEF |
                                                 POSIX_SPAWN_SETPGROUP);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  // Returns 0 or an errno.
  int Run(pid_t& pid, char* const* arguments) const {
    return ::posix_spawn(&pid, "/proc/self/exe", &actions_, &attributes_,
                         arguments, ::environ);
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

Result<Spawned> Spawn(ProcessRole role, const Cell& cell) {
  ASSIGN_OR_RETURN(auto pair, MakeLinkPair());
  std::string program = "ktlsd";
  std::string argument = "--role=" + std::string(RoleName(role));
  std::string user = "--user=" + Format(cell.user);
  const std::array<char*, 4> arguments = {program.data(), argument.data(),
                                          user.data(), nullptr};
  pid_t pid = 0;
  const OwnedFd link = OutOfTheWay(pair.second.borrow());
  const bool own_root =
      role == ProcessRole::kTokenKeeper && cell.token_root.valid();
  const OwnedFd root =
      OutOfTheWay(own_root ? cell.token_root.borrow() : cell.root.borrow());
  if (!link.valid() || !root.valid()) {
    return Error{Code::kNoDescriptors, "cannot start a process", errno};
  }
  const int error =
      SpawnPlan(link.borrow(), root.borrow()).Run(pid, arguments.data());
  if (error != 0) {
    return Error{Code::kSystemFailed, "cannot start a process", error};
  }
  return Spawned{pid, Link(std::move(pair.first))};
}

}  // namespace ktlsd::agent
