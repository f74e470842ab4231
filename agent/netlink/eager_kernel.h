// Takes requests from the kernel as soon as they are there.
//
// Scope:     the kernel's queue holds few requests (three on a machine with
//            1 GiB), and refuses whoever asks while it is full. A thread that
//            comes before everything else moves them into a queue of ours; what
//            is to be done with them is decided by the caller's thread.
// Layer:     agent/netlink.
// Threads:   all members are called by one thread, the owner's; the other one
//            is inside.
// Privilege: as the kernel that it is given. SCHED_RR where RLIMIT_RTPRIO or
//            CAP_SYS_NICE allow it, else the process's own priority.
// Design:    docs/design/netlink.md
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <thread>

#include "agent/netlink/inheriting_mutex.h"
#include "agent/netlink/keyring_uses.h"
#include "agent/netlink/ready_kernel.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

class EagerKernel final : public ReadyKernel {
 public:
  // Requests that were taken and not asked for; each holds a descriptor.
  static constexpr std::size_t kMostTaken = 64;
  // READY may be lost: looks for requests so often, whether or not it came.
  static constexpr std::chrono::milliseconds kLookEvery{1000};
  // After a failure; doubled by each that follows.
  static constexpr std::chrono::milliseconds kFirstPause{50};

  // Begins to take requests, whose keyrings are counted in `uses`; that must
  // outlive this. Signals must be blocked: the thread must get none.
  // Errors: kNoDescriptors, kSystemFailed with the errno
  static Result<std::unique_ptr<EagerKernel>> Start(
      std::unique_ptr<ReadyKernel> kernel, KeyringUses& uses);
  EagerKernel(const EagerKernel&) = delete;
  EagerKernel& operator=(const EagerKernel&) = delete;
  // Answers what was taken and not asked for with ETIMEDOUT.
  ~EagerKernel() override;

  // The oldest request that was taken, with the time of that; nothing when
  // there is none. Errors: the last one that the thread met, once.
  Result<std::optional<Request>> Accept() override;
  Status Done(BorrowedFd socket, const DoneAnswer& answer) override;
  SocketDiag* diag() const override { return kernel_->diag(); }
  // Readable when Accept has something, or READY messages were lost.
  BorrowedFd ready_socket() const override { return bell_.borrow(); }
  unsigned DrainReady() override;

  // Takes no more. What was taken is still to be had from Accept.
  void StopTaking();

 private:
  EagerKernel(std::unique_ptr<ReadyKernel> kernel, KeyringUses& uses,
              OwnedFd bell, OwnedFd poke);

  // The thread's.
  void Run() noexcept;
  void TakeAll(bool waited);
  Result<std::list<Request>> TakeOne();
  void Tell(const Error& error);
  bool Wait();
  std::chrono::milliseconds NextPause() const;

  const std::unique_ptr<ReadyKernel> kernel_;
  KeyringUses& uses_;
  InheritingMutex kernel_mutex_;
  const OwnedFd bell_;  // for the owner
  const OwnedFd poke_;  // for the thread: there is room, or it has to end
  std::atomic<bool> stopping_ = false;
  std::atomic<unsigned> overruns_ = 0;
  InheritingMutex mutex_;  // of the next three
  std::list<Request> taken_;
  std::optional<Error> error_;
  bool full_ = false;
  std::chrono::milliseconds pause_{0};  // the thread's
  std::thread thread_;
};

}  // namespace ktlsd::agent
