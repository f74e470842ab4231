// The lock-down as a whole, seen from outside. Needs root in the initial user
// namespace: kernel-tests/ runs it.
#include "agent/sandbox/lock_down.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

#include "agent/sandbox/cell.h"
#include "agent/sandbox/monitor_powers.h"
#include "agent/sandbox/process_role.h"
#include "agent/sandbox/testing/child_end.h"
#include "base/owned_fd.h"
#include "ktls/loopback.h"

namespace ktlsd::agent {
namespace {

constexpr RoleUser kUser{64321, 64322};
constexpr ProcessRole kRoles[] = {ProcessRole::kKeeper, ProcessRole::kVerifier,
                                  ProcessRole::kWorker,
                                  ProcessRole::kTokenKeeper};

// "Name:\tvalue" of /proc/PID/status, blanks within the value kept.
std::map<std::string, std::string> StatusOf(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  std::map<std::string, std::string> fields;
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(":\t");
    if (colon != std::string::npos) {
      fields[line.substr(0, colon)] = line.substr(colon + 2);
    }
  }
  return fields;
}

Cell MakeTestCell() { return MakeCell(kUser).value(); }

bool IsLocked(ProcessRole role) {
  return !LockDown(role, MakeTestCell()).has_value();
}

// A child that is locked down and then waits for its link to close.
class Locked {
 public:
  explicit Locked(ProcessRole role) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) {
      throw std::runtime_error("no sockets");
    }
    mine_ = OwnedFd(ends[0]);
    const OwnedFd theirs(ends[1]);
    pid_ = ::fork();
    if (pid_ == 0) {
      mine_.Close();
      Wait(role, theirs.borrow());
    }
    char locked = 0;
    ready_ = ::recv(mine_.raw(), &locked, 1, MSG_WAITALL) == 1;
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  ~Locked() {
    mine_.Close();
    EXPECT_EQ(::waitpid(pid_, nullptr, 0), pid_);
  }

  bool ready() const { return ready_; }
  pid_t pid() const { return pid_; }
  std::filesystem::path proc() const { return "/proc/" + std::to_string(pid_); }

 private:
  [[noreturn]] static void Wait(ProcessRole role, BorrowedFd link) {
    if (IsLocked(role)) {
      char byte = 0;
      iovec piece{&byte, 1};
      mmsghdr message{};
      message.msg_hdr.msg_iov = &piece;
      message.msg_hdr.msg_iovlen = 1;
      // Until the test lets go.
      if (::send(link.raw(), "x", 1, MSG_NOSIGNAL) != 1 ||
          ::recvmmsg(link.raw(), &message, 1, 0, nullptr) < 0) {
        ::_exit(1);
      }
    }
    ::_exit(0);
  }

  pid_t pid_;
  OwnedFd mine_;
  bool ready_ = false;
};

TEST(LockDown, LeavesNoRight) {
  for (const ProcessRole role : kRoles) {
    const Locked locked(role);
    ASSERT_TRUE(locked.ready()) << RoleName(role);
    auto status = StatusOf(locked.pid());
    EXPECT_EQ(status["Uid"], "64321\t64321\t64321\t64321");
    EXPECT_EQ(status["Gid"], "64322\t64322\t64322\t64322");
    EXPECT_EQ(status["Groups"].find_first_not_of(' '), std::string::npos)
        << status["Groups"];
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
      EXPECT_EQ(status[set], "0000000000000000") << set;
    }
    EXPECT_EQ(status["NoNewPrivs"], "1");
    EXPECT_EQ(status["Seccomp"], "2");
  }
}

TEST(LockDown, LeavesNoFile) {
  const Locked locked(ProcessRole::kWorker);
  ASSERT_TRUE(locked.ready());
  for (const char* place : {"root", "cwd"}) {
    const std::filesystem::path root = locked.proc() / place / "";
    EXPECT_TRUE(std::filesystem::is_directory(root));
    EXPECT_TRUE(std::filesystem::is_empty(root));
    struct stat above{};
    struct stat there{};
    EXPECT_EQ(::stat((root / "..").c_str(), &above), 0);
    EXPECT_EQ(::stat(root.c_str(), &there), 0);
    EXPECT_EQ(above.st_dev, there.st_dev);
    EXPECT_EQ(::open((root / "new").c_str(), O_CREAT | O_WRONLY, 0600), -1);
    EXPECT_EQ(errno, EROFS);
  }
  // Its standard files and its link; the root's descriptor is closed.
  for (const auto& entry :
       std::filesystem::directory_iterator(locked.proc() / "fd")) {
    EXPECT_FALSE(std::filesystem::is_directory(entry.path()))
        << std::filesystem::read_symlink(entry.path());
  }
}

TEST(LockDown, ForbidsInspection) {
  const Locked locked(ProcessRole::kWorker);
  ASSERT_TRUE(locked.ready());
  // What a process that may not be dumped has in /proc is root's.
  struct stat memory{};
  ASSERT_EQ(::stat((locked.proc() / "mem").c_str(), &memory), 0);
  EXPECT_EQ(memory.st_uid, 0U);
  // Another process of the same user.
  EXPECT_EQ(EndOf([&] {
              if (::setresuid(kUser.uid, kUser.uid, kUser.uid) != 0) {
                return 99;
              }
              return ::open((locked.proc() / "mem").c_str(), O_RDONLY) < 0
                         ? errno
                         : 0;
            }),
            "exit " + std::to_string(EACCES));
}

TEST(LockDown, LimitsTheProcess) {
  const Locked locked(ProcessRole::kKeeper);
  ASSERT_TRUE(locked.ready());
  const auto limit = [&](__rlimit_resource resource) {
    rlimit value{};
    EXPECT_EQ(::prlimit(locked.pid(), resource, nullptr, &value), 0);
    EXPECT_EQ(value.rlim_cur, value.rlim_max);
    return value.rlim_max;
  };
  EXPECT_EQ(limit(RLIMIT_CORE), 0U);
  EXPECT_EQ(limit(RLIMIT_NPROC), 0U);
  EXPECT_EQ(limit(RLIMIT_FSIZE), 0U);
  EXPECT_EQ(limit(RLIMIT_AS), 512U << 20);
  EXPECT_LE(limit(RLIMIT_NOFILE), 512U);
}

TEST(LockDown, BoundsMemory) {
  for (const ProcessRole role : kRoles) {
    EXPECT_EQ(EndOf([&] {
                if (!IsLocked(role)) {
                  return 99;
                }
                return std::malloc(std::size_t{2} << 30) == nullptr ? 1 : 2;
              }),
              "exit 1")
        << RoleName(role);
  }
}

TEST(LockDown, DumpsNoCore) {
  EXPECT_EQ(EndOf([] {
              if (IsLocked(ProcessRole::kWorker)) {
                std::abort();
              }
              return 99;
            }),
            "signal 6");
}

// Forks a role that holds `alive` and would wait for ever; ends when that is
// locked down.
int LeaveRoleBehind(BorrowedFd alive) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) {
    return 99;
  }
  if (::fork() == 0) {
    if (alive.raw() >= 0 && IsLocked(ProcessRole::kWorker)) {
      ::send(ends[1], "x", 1, MSG_NOSIGNAL);
      char byte = 0;
      ::recv(ends[1], &byte, 1, 0);  // the other end is open here as well
    }
    ::_exit(0);
  }
  char locked = 0;
  return ::recv(ends[0], &locked, 1, 0) == 1 ? 0 : 98;
}

TEST(LockDown, EndsWithTheMonitor) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const OwnedFd end(ends[0]);
  OwnedFd alive(ends[1]);
  ASSERT_EQ(EndOf([&] { return LeaveRoleBehind(alive.borrow()); }), "exit 0");
  alive.Close();
  pollfd waiting{end.raw(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 10'000), 1);
  EXPECT_NE(waiting.revents & POLLHUP, 0);
}

// Of its capabilities, the process keeps those of `text` only.
bool KeepOnly(const char* text) {
  cap_t const set = ::cap_from_text(text);
  const bool kept = set != nullptr && ::cap_set_proc(set) == 0;
  ::cap_free(set);
  return kept;
}

TEST(LockDown, SaysWhichStepFailed) {
  const auto step_with = [](const char* capabilities) {
    return EndOf([&] {
      Cell cell = MakeTestCell();
      if (!KeepOnly(capabilities)) {
        return 99;
      }
      const LockResult failed = LockDown(ProcessRole::kWorker, std::move(cell));
      return failed.has_value() && failed->os_error == EPERM
                 ? static_cast<int>(failed->step)
                 : 98;
    });
  };
  const auto exit = [](LockStep step) {
    return "exit " + std::to_string(static_cast<int>(step));
  };
  EXPECT_EQ(step_with("="), exit(LockStep::kRoot));
  EXPECT_EQ(step_with("cap_sys_chroot=ep"), exit(LockStep::kBoundingSet));
  EXPECT_EQ(step_with("cap_sys_chroot,cap_setpcap=ep"), exit(LockStep::kUser));
  EXPECT_EQ(step_with("cap_sys_chroot,cap_setpcap,cap_setgid=ep"),
            exit(LockStep::kUser));
}

TEST(KeepNeededCapabilities, KeepsFewAndHandsOnNoMore) {
  const Cell cell = MakeTestCell();
  EXPECT_EQ(EndOf([] {
              if (!KeepNeededCapabilities().ok()) {
                return 99;
              }
              auto status = StatusOf(::getpid());
              // KILL, SETGID, SETUID, SETPCAP, NET_ADMIN, SYS_CHROOT and
              // DAC_READ_SEARCH; the first, NET_ADMIN and the last in effect.
              return status["CapPrm"] == "00000000000411e4" &&
                             status["CapBnd"] == "00000000000411e4" &&
                             status["CapEff"] == "0000000000001024" &&
                             status["CapInh"] == "0000000000000000" &&
                             status["NoNewPrivs"] == "1"
                         ? 0
                         : 1;
            }),
            "exit 0");
}

TEST(KeepNeededCapabilities, KeepsOneMoreToEnterNetworkNamespaces) {
  EXPECT_EQ(EndOf([] {
              if (!KeepNeededCapabilities(OtherNetns::kEntered).ok()) {
                return 99;
              }
              auto status = StatusOf(::getpid());
              // SYS_ADMIN is neither in effect nor handed on by exec.
              return status["CapPrm"] == "00000000002411e4" &&
                             status["CapBnd"] == "00000000000411e4" &&
                             status["CapEff"] == "0000000000001024"
                         ? 0
                         : 1;
            }),
            "exit 0");
}

// A service that is started without it.
TEST(KeepNeededCapabilities, DoesWithoutDacReadSearch) {
  EXPECT_EQ(EndOf([] {
              if (!KeepOnly("cap_net_admin,cap_kill,cap_sys_chroot,cap_setuid,"
                            "cap_setgid,cap_setpcap=ep") ||
                  !KeepNeededCapabilities().ok()) {
                return 99;
              }
              auto status = StatusOf(::getpid());
              return status["CapPrm"] == "00000000000411e0" &&
                             status["CapEff"] == "0000000000001020"
                         ? 0
                         : 1;
            }),
            "exit 0");
}

// The others it needs.
TEST(KeepNeededCapabilities, FailsWithoutAnother) {
  EXPECT_EQ(EndOf([] {
              return KeepOnly(
                         "cap_kill,cap_sys_chroot,cap_setuid,cap_setgid,"
                         "cap_setpcap,cap_dac_read_search=ep") &&
                             !KeepNeededCapabilities().ok()
                         ? 0
                         : 1;
            }),
            "exit 0");
}

// What is left of them is enough to lock a role down, and to end it.
TEST(KeepNeededCapabilities, SufficesForRoles) {
  EXPECT_EQ(EndOf([] {
              Cell cell = MakeTestCell();
              if (!LeaveNetwork().ok() || !KeepNeededCapabilities().ok()) {
                return 99;
              }
              const pid_t role = ::fork();
              if (role == 0) {
                // Exec would put in effect what is permitted here.
                if (!KeepOnly("cap_sys_chroot,cap_setpcap,cap_setuid,"
                              "cap_setgid=ep")) {
                  ::_exit(99);
                }
                const LockResult failed =
                    LockDown(ProcessRole::kWorker, std::move(cell));
                ::_exit(failed ? 1 + static_cast<int>(failed->step) : 0);
              }
              int status = 0;
              return ::waitpid(role, &status, 0) == role ? WEXITSTATUS(status)
                                                         : 98;
            }),
            "exit 0");
}

TEST(LeaveNetwork, LeavesOpenSocketsWhereTheyAre) {
  EXPECT_EQ(EndOf([] {
              const auto pair = ktls::ConnectLoopback();
              char byte = 0;
              if (!pair.ok() || !LeaveNetwork().ok() ||
                  ::send(pair->client.raw(), "x", 1, 0) != 1 ||
                  ::recv(pair->server.raw(), &byte, 1, 0) != 1) {
                return 1;
              }
              return ktls::ConnectLoopback().ok() ? 2 : 0;
            }),
            "exit 0");
}

}  // namespace
}  // namespace ktlsd::agent
