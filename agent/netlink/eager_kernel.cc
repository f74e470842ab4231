#include "agent/netlink/eager_kernel.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <mutex>
#include <system_error>
#include <utility>

#include "agent/netlink/counted_accept.h"
#include "base/clock.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;
using Lock = std::lock_guard<InheritingMutex>;

constexpr milliseconds kLongestPause{1000};

void Ring(BorrowedFd bell) { ::eventfd_write(bell.raw(), 1); }

void Silence(BorrowedFd bell) {
  eventfd_t rings = 0;
  ::eventfd_read(bell.raw(), &rings);
}

// Its work is short and bounded: it never keeps others waiting for long. Where
// that is forbidden it is as urgent as the rest of the process.
void BeUrgent() {
  sched_param first{};
  first.sched_priority = ::sched_get_priority_min(SCHED_RR);
  ::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &first);
}

}  // namespace

Result<std::unique_ptr<EagerKernel>> EagerKernel::Start(
    std::unique_ptr<ReadyKernel> kernel, KeyringUses& uses) {
  OwnedFd bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  OwnedFd poke(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell.valid() || !poke.valid()) {
    return Error{Code::kNoDescriptors, "cannot make an eventfd", errno};
  }
  std::unique_ptr<EagerKernel> eager(new EagerKernel(
      std::move(kernel), uses, std::move(bell), std::move(poke)));
  try {
    eager->thread_ = std::thread([raw = eager.get()] { raw->Run(); });
  } catch (const std::system_error& failed) {
    return Error{Code::kSystemFailed, "cannot start a thread",
                 failed.code().value()};
  }
  return eager;
}

EagerKernel::EagerKernel(std::unique_ptr<ReadyKernel> kernel, KeyringUses& uses,
                         OwnedFd bell, OwnedFd poke)
    : kernel_(std::move(kernel)),
      uses_(uses),
      bell_(std::move(bell)),
      poke_(std::move(poke)) {}

EagerKernel::~EagerKernel() {
  StopTaking();
  for (const Request& request : taken_) {
    static_cast<void>(kernel_->Done(request.socket.borrow(), {ETIMEDOUT}));
  }
}

void EagerKernel::StopTaking() {
  if (thread_.joinable()) {
    stopping_ = true;
    Ring(poke_.borrow());
    thread_.join();
  }
}

Result<std::optional<Request>> EagerKernel::Accept() {
  const Lock lock(mutex_);
  if (!taken_.empty()) {
    std::optional<Request> oldest = std::move(taken_.front());
    taken_.pop_front();
    if (std::exchange(full_, false)) {
      Ring(poke_.borrow());
    }
    return oldest;
  }
  if (const auto error = std::exchange(error_, std::nullopt)) {
    return *error;
  }
  return std::optional<Request>();
}

Status EagerKernel::Done(BorrowedFd socket, const DoneAnswer& answer) {
  const Lock lock(kernel_mutex_);
  return kernel_->Done(socket, answer);
}

unsigned EagerKernel::DrainReady() {
  Silence(bell_.borrow());
  return overruns_.exchange(0);
}

void EagerKernel::Run() noexcept {
  BeUrgent();
  bool waited = true;  // what is there at the start
  while (!stopping_) {
    TakeAll(waited);
    waited = Wait();
  }
}

// `waited`: nobody knows for how long.
void EagerKernel::TakeAll(bool waited) {
  for (;;) {
    {
      const Lock lock(mutex_);
      full_ = taken_.size() >= kMostTaken;
      if (full_ || stopping_) {
        return;
      }
    }
    Result<std::list<Request>> taken = TakeOne();
    if (!taken.ok()) {
      pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
      return Tell(taken.error());
    }
    pause_ = milliseconds(0);
    if (taken->empty()) {
      return;
    }
    taken->front().taken_at = SystemClock().Now();
    taken->front().waited = waited;
    const Lock lock(mutex_);
    // Who has not come for those that are there heard of them.
    const bool first = taken_.empty();
    taken_.splice(taken_.end(), *taken);
    if (first) {
      Ring(bell_.borrow());
    }
  }
}

void EagerKernel::Tell(const Error& error) {
  const Lock lock(mutex_);
  error_ = error;
  Ring(bell_.borrow());
}

// One request or none. Its place is made before: one that is taken and then
// finds no memory would be lost.
Result<std::list<Request>> EagerKernel::TakeOne() {
  try {
    std::list<Request> place(1);
    const Lock lock(kernel_mutex_);
    ASSIGN_OR_RETURN(std::optional<Request> request,
                     AcceptCounted(*kernel_, uses_));
    if (!request.has_value()) {
      return std::list<Request>();
    }
    place.front() = *std::move(request);
    return place;
  } catch (const std::exception&) {
    return Error{Code::kNoMemory, "no memory for a request"};
  }
}

milliseconds EagerKernel::NextPause() const {
  return pause_ > milliseconds(0) ? pause_ : kLookEvery;
}

// Until it is worth to look again; returns whether something may have waited.
bool EagerKernel::Wait() {
  bool full = false;
  {
    const Lock lock(mutex_);
    full = full_;
  }
  const bool listening = !full && pause_ == milliseconds(0);
  std::array<pollfd, 2> polled = {
      pollfd{poke_.raw(), POLLIN, 0},
      pollfd{kernel_->ready_socket().raw(), POLLIN, 0}};
  ::poll(polled.data(), listening ? 2 : 1,
         full ? -1 : static_cast<int>(NextPause().count()));
  if (polled[0].revents != 0) {
    Silence(poke_.borrow());
  }
  if (!listening || polled[1].revents == 0) {
    return true;
  }
  unsigned lost = 0;
  {
    const Lock lock(kernel_mutex_);
    lost = kernel_->DrainReady();
  }
  if (lost > 0) {
    overruns_ += lost;
    Ring(bell_.borrow());
  }
  return lost > 0;
}

}  // namespace ktlsd::agent
