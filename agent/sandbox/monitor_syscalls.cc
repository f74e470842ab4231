#include "agent/sandbox/monitor_syscalls.h"

namespace ktlsd::agent {
namespace {

constexpr SyscallGroup kGroups[] = {
    {"files: configuration, certificates, keys, the log, the metrics",
     "open openat close close_range read pread64 readv write pwrite64 writev "
     "lseek stat lstat fstat newfstatat statx statfs fstatfs access faccessat "
     "faccessat2 readlink readlinkat getdents64 getcwd fcntl flock ioctl dup "
     "dup2 dup3 ftruncate fsync fdatasync rename renameat renameat2 unlink "
     "unlinkat mkdir mkdirat rmdir chmod fchmod fchmodat chown fchown fchownat "
     "umask fadvise64 sendfile memfd_create"},
    {"changes of files",
     "inotify_init inotify_init1 inotify_add_watch "
     "inotify_rm_watch"},
    {"waiting",
     "poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl "
     "epoll_wait epoll_pwait epoll_pwait2 timerfd_create timerfd_settime "
     "timerfd_gettime signalfd4 eventfd2 pipe pipe2 nanosleep "
     "clock_nanosleep alarm setitimer getitimer restart_syscall"},
    {"netlink, links, the control socket, the service manager",
     "socket socketpair bind listen accept accept4 connect shutdown "
     "getsockname getpeername getsockopt setsockopt sendto sendmsg sendmmsg "
     "recvfrom recvmsg recvmmsg"},
    {"keys and keyrings", "keyctl add_key request_key"},
    {"network namespaces that are served", "setns"},
    {"starting and ending the other processes",
     "clone clone3 fork vfork execve execveat wait4 waitid kill tgkill "
     "pidfd_open pidfd_send_signal exit exit_group setpgid getpgid getpgrp "
     "getsid setsid getpid getppid gettid"},
    {"of a role, before it is locked down",
     "fchdir chdir chroot capget capset setgroups setresgid setresuid "
     "getgroups getresuid getresgid seccomp io_uring_setup io_uring_register "
     "io_uring_enter"},
    {"who and what this process is",
     "getuid geteuid getgid getegid prctl prlimit64 getrlimit setrlimit "
     "getpriority setpriority sched_getaffinity sched_getparam "
     "sched_getscheduler sched_setscheduler sched_get_priority_min "
     "sched_yield getrusage times uname sysinfo getcpu ioprio_get"},
    {"programs, their libraries and threads",
     "arch_prctl set_tid_address set_robust_list get_robust_list rseq futex "
     "membarrier"},
    {"memory",
     "brk mmap mprotect mremap munmap madvise mincore msync mlock mlock2 "
     "munlock mlockall munlockall"},
    {"signals",
     "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend "
     "rt_sigtimedwait sigaltstack"},
    {"time and chance",
     "clock_gettime clock_getres gettimeofday time getrandom"},
};

}  // namespace

std::span<const SyscallGroup> MonitorSyscalls() { return kGroups; }

}  // namespace ktlsd::agent
