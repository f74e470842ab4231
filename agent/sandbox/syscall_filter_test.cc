// The filter as the kernel applies it: each call is really made, in a child.
#include "agent/sandbox/syscall_filter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "agent/sandbox/loop_kind.h"
#include "agent/sandbox/process_role.h"
#include "agent/sandbox/syscall_table.h"
#include "agent/sandbox/testing/child_end.h"
#include "agent/service/process.h"

namespace ktlsd::agent {
namespace {

const std::string kKilled = "signal " + std::to_string(SIGSYS);
constexpr ProcessRole kRoles[] = {ProcessRole::kKeeper, ProcessRole::kVerifier,
                                  ProcessRole::kWorker};

struct Attempt {
  const char* name;
  long (*make)();
};

template <typename Make>
std::string EndOfCall(ProcessRole role, const Make& make,
                      LoopKind loop = LoopKind::kEpoll) {
  return EndOf([&] {
    if (FilterSyscalls(role, loop) != 0) {
      return 99;
    }
    static_cast<void>(make());
    return 0;
  });
}

void Refuse(ProcessRole role, std::span<const Attempt> attempts,
            LoopKind loop = LoopKind::kEpoll) {
  for (const Attempt& attempt : attempts) {
    EXPECT_EQ(EndOfCall(role, attempt.make, loop).substr(0, kKilled.size()),
              kKilled)
        << RoleName(role) << ": " << attempt.name;
  }
}

void Allow(ProcessRole role, std::span<const Attempt> attempts,
           LoopKind loop = LoopKind::kEpoll) {
  for (const Attempt& attempt : attempts) {
    EXPECT_EQ(EndOfCall(role, attempt.make, loop), "exit 0")
        << RoleName(role) << ": " << attempt.name;
  }
}

// What the run time of a sanitizer needs is open there.
constexpr Attempt kForNobodyButSanitizers[] = {
    {"openat", [] { return ::syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY); }},
    {"fork", [] { return ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }},
    {"ptrace", [] { return ::syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }},
    {"prctl", [] { return ::syscall(SYS_prctl, 1, 0, 0, 0, 0); }},
    {"ioctl", [] { return ::syscall(SYS_ioctl, 0, 0x5401, 0); }},
    {"fcntl", [] { return ::syscall(SYS_fcntl, 0, F_GETFL, 0); }},
    {"read", [] { return ::syscall(SYS_read, 0, nullptr, 0); }},
    {"write elsewhere", [] { return ::syscall(SYS_write, 3, nullptr, 0); }},
#if defined(__x86_64__)
    {"open", [] { return ::syscall(SYS_open, "/", O_RDONLY); }},
#endif
};

// What modules of tokens do with their files.
constexpr Attempt kForTokenKeepers[] = {
    {"openat", [] { return ::syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY); }},
    {"read", [] { return ::syscall(SYS_read, 0, nullptr, 0); }},
    {"write", [] { return ::syscall(SYS_write, -1, nullptr, 0); }},
    {"fcntl", [] { return ::syscall(SYS_fcntl, 0, F_GETFL, 0); }},
    {"recvfrom",
     [] {
       return ::syscall(SYS_recvfrom, -1, nullptr, 0, 0, nullptr, nullptr);
     }},
};

constexpr Attempt kNotForTokenKeepers[] = {
    {"openat for writing",
     [] { return ::syscall(SYS_openat, AT_FDCWD, "/", O_WRONLY); }},
    {"openat for both",
     [] { return ::syscall(SYS_openat, AT_FDCWD, "/", O_RDWR); }},
    {"a new file",
     [] { return ::syscall(SYS_openat, AT_FDCWD, "/x", O_CREAT, 0600); }},
    {"fcntl F_SETFL", [] { return ::syscall(SYS_fcntl, 0, F_SETFL, 0); }},
    {"fcntl F_DUPFD", [] { return ::syscall(SYS_fcntl, 0, F_DUPFD, 0); }},
    {"ioctl", [] { return ::syscall(SYS_ioctl, 0, 0x5401, 0); }},
    {"prctl", [] { return ::syscall(SYS_prctl, 1, 0, 0, 0, 0); }},
    {"epoll_create1", [] { return ::syscall(SYS_epoll_create1, 0); }},
};

constexpr Attempt kForNobody[] = {
    {"socket", [] { return ::syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }},
    {"socketpair",
     [] {
       return ::syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, nullptr);
     }},
    {"connect", [] { return ::syscall(SYS_connect, 3, nullptr, 0); }},
    {"bind", [] { return ::syscall(SYS_bind, 3, nullptr, 0); }},
    {"listen", [] { return ::syscall(SYS_listen, 3, 1); }},
    {"accept4", [] { return ::syscall(SYS_accept4, 3, nullptr, nullptr, 0); }},
    {"sendmsg", [] { return ::syscall(SYS_sendmsg, 3, nullptr, 0); }},
    {"sendmmsg", [] { return ::syscall(SYS_sendmmsg, 3, nullptr, 0, 0); }},
    {"sendto an address",
     [] { return ::syscall(SYS_sendto, 3, "", 1, 0, "", 16); }},
    {"getsockopt",
     [] { return ::syscall(SYS_getsockopt, 3, SOL_SOCKET, 0, 0, 0); }},
    {"setsockopt SOL_SOCKET",
     [] { return ::syscall(SYS_setsockopt, 3, SOL_SOCKET, SO_MARK, "", 4); }},
    {"setsockopt TCP_REPAIR",
     [] { return ::syscall(SYS_setsockopt, 3, IPPROTO_TCP, 19, "", 4); }},
    {"execve", [] { return ::syscall(SYS_execve, "/", nullptr, nullptr); }},
    {"execveat",
     [] { return ::syscall(SYS_execveat, 3, "", nullptr, nullptr, 0x1000); }},
    {"clone3", [] { return ::syscall(SYS_clone3, nullptr, 0); }},
    {"unshare", [] { return ::syscall(SYS_unshare, CLONE_NEWUSER); }},
    {"setns", [] { return ::syscall(SYS_setns, 3, 0); }},
    {"chroot", [] { return ::syscall(SYS_chroot, "/"); }},
    {"chdir", [] { return ::syscall(SYS_chdir, ".."); }},
    {"mount",
     [] { return ::syscall(SYS_mount, nullptr, "/", nullptr, 0, nullptr); }},
    {"setuid", [] { return ::syscall(SYS_setuid, 0); }},
    {"setresuid", [] { return ::syscall(SYS_setresuid, 0, 0, 0); }},
    {"setgroups", [] { return ::syscall(SYS_setgroups, 0, nullptr); }},
    {"capset", [] { return ::syscall(SYS_capset, nullptr, nullptr); }},
    {"setrlimit", [] { return ::syscall(SYS_setrlimit, 0, nullptr); }},
    {"kill", [] { return ::syscall(SYS_kill, 1, 0); }},
    {"tgkill another", [] { return ::syscall(SYS_tgkill, 1, 1, SIGABRT); }},
    {"tgkill itself with another signal",
     [] { return ::syscall(SYS_tgkill, ::getpid(), ::getpid(), SIGUSR1); }},
    {"process_vm_readv",
     [] { return ::syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0); }},
    {"pidfd_open", [] { return ::syscall(SYS_pidfd_open, 1, 0); }},
    {"pidfd_getfd", [] { return ::syscall(SYS_pidfd_getfd, 3, 3, 0); }},
    {"bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0); }},
    {"perf_event_open",
     [] { return ::syscall(SYS_perf_event_open, nullptr, 0, 0, 0, 0); }},
    {"keyctl", [] { return ::syscall(SYS_keyctl, 0, -3, 0, 0, 0); }},
    {"io_uring_setup",
     [] { return ::syscall(SYS_io_uring_setup, 1, nullptr); }},
    {"io_uring_register",
     [] { return ::syscall(SYS_io_uring_register, 3, 0, nullptr, 0); }},
    {"io_uring_enter for a kernel thread's sake",
     [] { return ::syscall(SYS_io_uring_enter, 3, 0, 0, 2, nullptr, 0); }},
    {"epoll_create1", [] { return ::syscall(SYS_epoll_create1, 0); }},
    {"memfd_create", [] { return ::syscall(SYS_memfd_create, "x", 0); }},
    {"dup", [] { return ::syscall(SYS_dup, 0); }},
    {"mmap PROT_EXEC",
     [] {
       return ::syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
     }},
    {"mprotect PROT_EXEC",
     [] { return ::syscall(SYS_mprotect, 0, 0, PROT_EXEC); }},
    {"pkey_mprotect",
     [] { return ::syscall(SYS_pkey_mprotect, 0, 0, PROT_EXEC, 0); }},
#if defined(__x86_64__)
    {"fork by its own number", [] { return ::syscall(SYS_fork); }},
    {"vfork", [] { return ::syscall(SYS_vfork); }},
    {"getpid of the x32 interface",
     [] { return ::syscall(0x40000000 | SYS_getpid); }},
#endif
};

TEST(FilterSyscalls, LetsATokenKeeperReadFiles) {
  Allow(ProcessRole::kTokenKeeper, kForTokenKeepers);
  Refuse(ProcessRole::kTokenKeeper, kForNobody);
  if (!kMayBeInspected) {
    Refuse(ProcessRole::kTokenKeeper, kNotForTokenKeepers);
  }
}

TEST(FilterSyscalls, KillsWhatNoRoleMayDo) {
  for (const ProcessRole role : kRoles) {
    Refuse(role, kForNobody);
    if (!kMayBeInspected) {
      Refuse(role, kForNobodyButSanitizers);
    }
  }
}

#if defined(__x86_64__)
TEST(FilterSyscalls, ClosesThe32BitInterface) {
  const std::string end = EndOfCall(ProcessRole::kWorker, [] {
    std::signal(SIGSEGV, SIG_DFL);  // not a sanitizer's report
    long result = 20;               // getpid there
    asm volatile("int $0x80" : "+a"(result));
    return result;
  });
  // A kernel without the interface faults.
  EXPECT_TRUE(end.starts_with(kKilled) ||
              end.starts_with("signal " + std::to_string(SIGSEGV)))
      << end;
}
#endif

constexpr Attempt kForEpoll[] = {
    {"epoll_ctl", [] { return ::syscall(SYS_epoll_ctl, -1, 1, 0, nullptr); }},
    {"epoll_pwait",
     [] { return ::syscall(SYS_epoll_pwait, -1, nullptr, 1, 0, nullptr); }},
};

constexpr Attempt kForRings[] = {
    {"io_uring_enter",
     [] { return ::syscall(SYS_io_uring_enter, -1, 1, 1, 9, nullptr, 0); }},
};

constexpr Attempt kForWorkers[] = {
    {"recvfrom",
     [] {
       return ::syscall(SYS_recvfrom, -1, nullptr, 0, 0, nullptr, nullptr);
     }},
    {"shutdown", [] { return ::syscall(SYS_shutdown, -1, SHUT_WR); }},
    {"setsockopt TCP_NODELAY",
     [] { return ::syscall(SYS_setsockopt, -1, IPPROTO_TCP, 1, "", 4); }},
    {"setsockopt TCP_ULP",
     [] { return ::syscall(SYS_setsockopt, -1, IPPROTO_TCP, 31, "", 4); }},
    {"setsockopt TLS_TX",
     [] { return ::syscall(SYS_setsockopt, -1, 282, 1, "", 4); }},
    {"setsockopt TLS_RX",
     [] { return ::syscall(SYS_setsockopt, -1, 282, 2, "", 4); }},
    {"setsockopt TLS_TX_MAX_PAYLOAD_LEN",
     [] { return ::syscall(SYS_setsockopt, -1, 282, 5, "", 4); }},
};

constexpr Attempt kForServices[] = {
    {"pread64", [] { return ::syscall(SYS_pread64, -1, nullptr, 0, 0); }},
    {"ppoll",
     [] {
       constexpr timespec kNow{};
       return ::syscall(SYS_ppoll, nullptr, 0, &kNow, nullptr, 0);
     }},
};

TEST(FilterSyscalls, KeepsTheRolesApart) {
  for (const ProcessRole role :
       {ProcessRole::kKeeper, ProcessRole::kVerifier}) {
    Allow(role, kForServices);
    Refuse(role, kForWorkers);
  }
  for (const LoopKind loop : {LoopKind::kEpoll, LoopKind::kIoUring}) {
    Allow(ProcessRole::kWorker, kForWorkers, loop);
    Refuse(ProcessRole::kWorker, kForServices, loop);
  }
}

TEST(FilterSyscalls, LetsAWorkerWaitWithItsOwnLoopOnly) {
  Allow(ProcessRole::kWorker, kForEpoll, LoopKind::kEpoll);
  Refuse(ProcessRole::kWorker, kForRings, LoopKind::kEpoll);
  Allow(ProcessRole::kWorker, kForRings, LoopKind::kIoUring);
  Refuse(ProcessRole::kWorker, kForEpoll, LoopKind::kIoUring);
  Refuse(ProcessRole::kWorker, kForNobody, LoopKind::kIoUring);
  Refuse(ProcessRole::kKeeper, kForRings);
  Refuse(ProcessRole::kKeeper, kForEpoll);
}

TEST(FilterSyscalls, LooksAtTheHalfOfAnIntThatTheKernelTakes) {
  constexpr long kJunk = 1L << 40;
  EXPECT_EQ(EndOfCall(ProcessRole::kWorker,
                      [] {
                        return ::syscall(SYS_setsockopt, -1,
                                         IPPROTO_TCP | kJunk, 31 | kJunk, "",
                                         4);
                      }),
            "exit 0");
}

constexpr Attempt kForAll[] = {
    {"memory",
     [] {
       void* const block = std::malloc(1 << 24);
       void* const larger = std::realloc(block, 1 << 25);
       std::free(larger);
       return 0L;
     }},
    {"getrandom", [] { return ::syscall(SYS_getrandom, nullptr, 0, 0); }},
    {"write to standard error",
     [] { return ::syscall(SYS_write, STDERR_FILENO, "", 0); }},
    {"sendto without an address",
     [] { return ::syscall(SYS_sendto, -1, "", 1, 0, nullptr, 0); }},
};

TEST(FilterSyscalls, AllowsWhatEachNeeds) {
  for (const ProcessRole role : kRoles) {
    Allow(role, kForAll);
  }
}

// A worker that ends itself says so by its signal, not by the filter's.
TEST(FilterSyscalls, LetsAbortBe) {
  for (const ProcessRole role : kRoles) {
    EXPECT_EQ(EndOfCall(role,
                        [] {
                          std::abort();
                          return 0;
                        })
                  .substr(0, 8),
              "signal 6");
  }
}

// Returns the errno of each call that a monitor may not make.
std::string EndUnderMonitorsFilter(long (*make)()) {
  return EndOf([&] {
    if (FilterMonitor() != 0) {
      return 99;
    }
    return make() == -1 ? errno : 0;
  });
}

constexpr Attempt kNotForMonitors[] = {
    {"mount",
     [] { return ::syscall(SYS_mount, nullptr, "/", nullptr, 0, nullptr); }},
    {"umount2", [] { return ::syscall(SYS_umount2, "/none", 0); }},
    {"fsopen", [] { return ::syscall(SYS_fsopen, nullptr, 0); }},
    {"unshare", [] { return ::syscall(SYS_unshare, 0); }},
    {"ptrace", [] { return ::syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }},
    {"process_vm_readv",
     [] { return ::syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0); }},
    {"pidfd_getfd", [] { return ::syscall(SYS_pidfd_getfd, -1, 0, 0); }},
    {"bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0); }},
    {"perf_event_open",
     [] { return ::syscall(SYS_perf_event_open, nullptr, 0, 0, 0, 0); }},
    {"userfaultfd", [] { return ::syscall(SYS_userfaultfd, -1); }},
    {"finit_module", [] { return ::syscall(SYS_finit_module, -1, "", 0); }},
    {"open_by_handle_at",
     [] { return ::syscall(SYS_open_by_handle_at, -1, nullptr, 0); }},
    {"mknodat", [] { return ::syscall(SYS_mknodat, -1, "", 0, 0); }},
    {"personality", [] { return ::syscall(SYS_personality, -1); }},
};

TEST(FilterMonitor, RefusesWhatIsNotInItsListAndGoesOn) {
  if (kMayBeInspected) {
    GTEST_SKIP() << "a build with sanitizers has no such filter";
  }
  for (const Attempt& attempt : kNotForMonitors) {
    EXPECT_EQ(EndUnderMonitorsFilter(attempt.make),
              "exit " + std::to_string(EPERM))
        << attempt.name;
  }
}

// As a role is started: another program, which then takes a filter of its own.
TEST(FilterMonitor, LetsRolesStart) {
  EXPECT_EQ(EndOf([] {
              if (FilterMonitor() != 0) {
                return 99;
              }
              ::execl("/bin/sh", "sh", "-c", "echo x | cat > /dev/null; exit 7",
                      nullptr);
              return 98;
            }),
            "exit 7");
  for (const ProcessRole role : kRoles) {
    EXPECT_EQ(EndOf([role] {
                return FilterMonitor() != 0 ? 99 : FilterSyscalls(role);
              }),
              "exit 0");
  }
}

TEST(AllowedSyscalls, EachHasAReasonAndAList) {
  for (const AllowedSyscall& call : AllowedSyscalls()) {
    EXPECT_FALSE(call.why.empty()) << call.name;
    EXPECT_NE(call.lists, 0) << call.name;
  }
}

TEST(AllowedSyscalls, OpensMoreInASanitizerBuildOnly) {
  EXPECT_EQ(SanitizerSyscalls().empty(), !kMayBeInspected);
}

}  // namespace
}  // namespace ktlsd::agent
