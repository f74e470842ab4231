// A role's entry run in a child process, with the monitor's end of its link.
//
// Scope:     forks; the product starts its processes by exec.
// Layer:     agent/service/testing.
#pragma once

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <span>
#include <stdexcept>
#include <utility>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/sandbox/lock_step.h"
#include "agent/sandbox/loop_kind.h"
#include "agent/sandbox/process_role.h"
#include "agent/sandbox/syscall_filter.h"
#include "agent/service/role_start.h"
#include "base/bytes.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {

class ChildRole {
 public:
  using Entry = int (*)(OwnedFd, const LockDownCall&);

  // `entry` is RunKeeper or the like. Of the lock-down it gets what needs no
  // privilege: the filter of `role`.
  ChildRole(ProcessRole role, Entry entry) {
    auto pair = MakeLinkPair();
    pid_ = ::fork();
    if (pid_ == 0) {
      pair->first.Close();
      ::_exit(entry(std::move(pair->second), [role](LoopKind loop) {
        const int error = FilterSyscalls(role, loop);
        return error == 0 ? LockResult()
                          : LockFailure{LockStep::kSystemCalls, error};
      }));
    }
    if (pid_ < 0) {
      throw std::runtime_error("cannot fork");
    }
    monitor_.emplace(std::move(pair->first));
  }
  ChildRole(const ChildRole&) = delete;
  ChildRole& operator=(const ChildRole&) = delete;
  ~ChildRole() {
    if (monitor_) {
      Close();
    }
  }

  Link& monitor() { return *monitor_; }

  // Gives the child a worker's link and returns the worker's end.
  Link AddWorkerLink(WorkerId id) {
    auto pair = MakeLinkPair();
    AddWorker add;
    add.worker = id;
    const BorrowedFd theirs = pair->second.borrow();
    if (!monitor_->Send(add, {}, std::span(&theirs, 1)).ok()) {
      throw std::runtime_error("cannot add a worker");
    }
    return Link(std::move(pair->first));
  }

  // Closes the monitor's end and returns the child's exit code.
  int Close() {
    monitor_.reset();
    int status = 0;
    return ::waitpid(pid_, &status, 0) == pid_ && WIFEXITED(status)
               ? WEXITSTATUS(status)
               : -1;
  }

 private:
  pid_t pid_;
  std::optional<Link> monitor_;
};

// The next message from `link`, which must be an M and come within 10 seconds;
// throws else. The payload is copied.
template <typename M, typename Set>
std::pair<M, Bytes> Await(Link& link) {
  pollfd waiting{link.socket().raw(), POLLIN, 0};
  if (::poll(&waiting, 1, 10'000) != 1) {
    throw std::runtime_error("nothing came");
  }
  auto received = link.Receive<Set>();
  if (!received.ok() || !received->has_value()) {
    throw std::runtime_error("the link failed");
  }
  const ByteView payload = (*received)->payload;
  return {std::get<M>((*received)->message),
          Bytes(payload.begin(), payload.end())};
}

}  // namespace ktlsd::agent
