#include "agent/sandbox/syscall_table.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "agent/service/process.h"
#include "ktls/uapi.h"

namespace ktlsd::agent {
namespace {

constexpr uint8_t Only(SyscallList list) {
  return static_cast<uint8_t>(1U << static_cast<unsigned>(list));
}
constexpr uint8_t kEpollWorker = Only(SyscallList::kEpollWorker);
constexpr uint8_t kRingWorker = Only(SyscallList::kRingWorker);
constexpr uint8_t kWorker = kEpollWorker | kRingWorker;
constexpr uint8_t kTokens = Only(SyscallList::kTokenKeeper);
constexpr uint8_t kServices =
    Only(SyscallList::kKeeper) | Only(SyscallList::kVerifier) | kTokens;
constexpr uint8_t kAll = kWorker | kServices;

// The kernel takes an int from the lower half of a register only.
constexpr uint64_t kInt = 0xffffffff;

constexpr uint64_t kEnterFlags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;

constexpr ArgumentRule kNeverExecutable = {2, PROT_EXEC, 0,
                                           "without PROT_EXEC"};
constexpr ArgumentRule kToStderr = {0, kInt, STDERR_FILENO,
                                    "to standard error"};
constexpr ArgumentRule kOfTcp = {1, kInt, IPPROTO_TCP, "IPPROTO_TCP"};
constexpr ArgumentRule kOfTls = {1, kInt, SOL_TLS, "SOL_TLS"};

constexpr ArgumentRule Option(int name, std::string_view text) {
  return {2, kInt, static_cast<uint64_t>(name), text};
}

constexpr AllowedSyscall kCalls[] = {
    // Messages.
    {"recvmmsg", kAll,
     "messages of a link, several at once, with the descriptors of jobs"},
    {"recvmsg", kTokens, "answers of a token's daemon"},
    {"sendto",
     kAll,
     "messages of a link, handshake bytes; sendmsg, which could pass "
     "descriptors on, is not allowed",
     {{{4, UINT64_MAX, 0, "without an address"}}}},
    {"close", kAll, "a job, a link or a file is done with"},
    // Waiting.
    {"poll", kServices, "for messages; until a link has room"},
    {"ppoll", kServices, "the same on arm64"},
    {"epoll_ctl", kEpollWorker, "the event loop, made before"},
    {"epoll_wait", kEpollWorker, "the event loop"},
    {"epoll_pwait", kEpollWorker, "the same on arm64"},
    {"io_uring_enter",
     kRingWorker,
     "the event loop, on a ring that was made before and can only poll",
     {{{3, kInt & ~kEnterFlags, 0, "to submit and to wait"}}}},
    // Sockets of jobs.
    {"recvfrom", kWorker, "handshake bytes"},
    {"setsockopt",
     kWorker,
     "no delay while a handshake lasts",
     {{kOfTcp, Option(TCP_NODELAY, "TCP_NODELAY")}}},
    {"setsockopt",
     kWorker,
     "TLS in the kernel",
     {{kOfTcp, Option(TCP_ULP, "TCP_ULP")}}},
    {"setsockopt",
     kWorker,
     "keys for sending",
     {{kOfTls, Option(TLS_TX, "TLS_TX")}}},
    {"setsockopt",
     kWorker,
     "keys for receiving",
     {{kOfTls, Option(TLS_RX, "TLS_RX")}}},
    {"setsockopt",
     kWorker,
     "the peer's record size limit",
     {{kOfTls, Option(TLS_TX_MAX_PAYLOAD_LEN, "TLS_TX_MAX_PAYLOAD_LEN")}}},
    {"shutdown", kWorker, "after an alert and a bounded drain"},
    // Files that the monitor opened.
    {"fstat", kServices, "the size and the mode of a file"},
    {"newfstatat",
     kServices,
     "the same in older C libraries",
     {{{3, kInt, 0x1000, "AT_EMPTY_PATH"}}}},
    {"pread64", kServices, "certificates, keys, trust anchors, CRLs"},
    // Tokens: the descriptors that were opened before, and files in the root
    // directory of this role, for modules that read theirs anew.
    {"read", kTokens, "answers of a token; files of a module"},
    {"write", kTokens, "commands to a token"},
    {"recvfrom", kTokens, "answers of a token's daemon"},
    {"openat",
     kTokens,
     "files of a module, as softhsm2's",
     {{{2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY, "for reading"}}}},
    {"newfstatat", kTokens, "the same"},
    {"access", kTokens, "the same"},
    {"faccessat", kTokens, "the same"},
    {"getdents64", kTokens, "the same"},
    {"lseek", kTokens, "the same"},
    {"fcntl", kTokens, "the same: flags", {{{1, kInt, F_GETFL, "F_GETFL"}}}},
    {"fcntl", kTokens, "the same: locks", {{{1, kInt, F_SETLK, "F_SETLK"}}}},
    {"fcntl", kTokens, "the same: locks", {{{1, kInt, F_SETLKW, "F_SETLKW"}}}},
    // Memory.
    {"brk", kAll, "memory"},
    {"mmap", kAll, "memory", {{kNeverExecutable}}},
    {"mprotect", kAll, "memory", {{kNeverExecutable}}},
    {"mremap", kAll, "large blocks that grow"},
    {"munmap", kAll, "memory"},
    {"madvise", kAll, "gives memory back"},
    {"futex", kAll, "locks of the C and C++ libraries and of libcrypto"},
    // Time and chance.
    {"clock_gettime", kAll, "where the kernel has no vDSO"},
    {"gettimeofday", kAll, "the same, of older callers"},
    {"time", kAll, "the same, of libcrypto"},
    {"getrandom", kAll, "seeds of libcrypto"},
    {"getpid", kAll, "libcrypto's generator asks whether the process forked"},
    // The end.
    {"exit", kAll, "the end"},
    {"exit_group", kAll, "the end"},
    {"write", kAll, "last words of the C and C++ libraries", {{kToStderr}}},
    {"writev", kAll, "the same", {{kToStderr}}},
    {"gettid", kAll, "abort()"},
    {"rt_sigaction", kAll, "abort()"},
    {"rt_sigprocmask", kAll, "abort()"},
    {"tgkill",
     kAll,
     "abort()",
     {{{0, kInt, ArgumentRule::kOwnProcess, "of itself"},
       {2, kInt, SIGABRT, "SIGABRT"}}}},
    {"restart_syscall", kAll, "goes on waiting after SIGSTOP and SIGCONT"},
    {"rt_sigreturn", kAll, "returns from a signal handler"},
};

#if KTLSD_ADDRESS_SANITIZER
// The run time maps shadow memory, reads /proc for reports, and looks for leaks
// in a second thread that stops the first.
constexpr AllowedSyscall kSanitizerCalls[] = {
    {"clone", kAll, "the leak check's thread"},
    {"fcntl", kAll, "reports"},
    {"getdents64", kAll, "the threads in /proc"},
    {"getppid", kAll, "the leak check's thread"},
    {"getrlimit", kAll, "bounds of the stack"},
    {"ioctl", kAll, "whether reports go to a terminal"},
    {"lseek", kAll, "files in /proc"},
    {"newfstatat", kAll, "files in /proc"},
    {"open", kAll, "files in /proc"},
    {"openat", kAll, "files in /proc"},
    {"pipe", kAll, "whether memory can be read: a write to a pipe tells"},
    {"pipe2", kAll, "the same"},
    {"prctl", kAll, "names of mappings, ptrace"},
    {"prlimit64", kAll, "bounds of the stack"},
    {"ptrace", kAll, "the leak check's thread"},
    {"read", kAll, "files in /proc"},
    {"readlink", kAll, "files in /proc"},
    {"readlinkat", kAll, "files in /proc"},
    {"sched_yield", kAll, "locks"},
    {"sigaltstack", kAll, "reports"},
    {"stat", kAll, "files in /proc"},
    {"fstat", kAll, "files in /proc"},
    {"uname", kAll, "features of the kernel"},
    {"wait4", kAll, "the leak check's thread"},
    {"write", kAll, "reports"},
    {"arch_prctl", kAll, "registers of the stopped thread"},
};
#endif

}  // namespace

std::span<const AllowedSyscall> AllowedSyscalls() { return kCalls; }

std::span<const AllowedSyscall> SanitizerSyscalls() {
#if KTLSD_ADDRESS_SANITIZER
  return kSanitizerCalls;
#else
  return {};
#endif
}

}  // namespace ktlsd::agent
