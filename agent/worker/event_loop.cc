#include "agent/worker/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace ktlsd::agent {

EventLoop::EventLoop(const Clock& clock, Handlers handlers)
    : clock_(clock), handlers_(std::move(handlers)) {}

Status EventLoop::Open() {
  epoll_ = OwnedFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) {
    return Error{Code::kSystemFailed, "epoll_create1", errno};
  }
  return Ok{};
}

Status EventLoop::Watch(BorrowedFd fd, Token token) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = token;
  if (::epoll_ctl(epoll_.raw(), EPOLL_CTL_ADD, fd.raw(), &event) != 0) {
    return Error{Code::kSystemFailed, "epoll_ctl", errno};
  }
  return Ok{};
}

void EventLoop::Unwatch(BorrowedFd fd) {
  ::epoll_ctl(epoll_.raw(), EPOLL_CTL_DEL, fd.raw(), nullptr);
}

void EventLoop::At(MonotonicTime when, Token token) {
  deadlines_.push({when, token});
}

int EventLoop::MillisecondsToNext() const {
  if (deadlines_.empty()) {
    return -1;
  }
  // Rounded up, so that the loop does not spin through the last millisecond.
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
      deadlines_.top().when - clock_.Now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
}

void EventLoop::RunDeadlines() {
  const MonotonicTime now = clock_.Now();
  while (!deadlines_.empty() && deadlines_.top().when <= now) {
    const Token token = deadlines_.top().token;
    deadlines_.pop();
    handlers_.on_deadline(token);
  }
}

Status EventLoop::Run() {
  running_ = true;
  std::array<epoll_event, 64> events;
  while (running_) {
    const int count = ::epoll_wait(epoll_.raw(), events.data(), events.size(),
                                   MillisecondsToNext());
    if (count < 0 && errno != EINTR) {
      return Error{Code::kSystemFailed, "epoll_wait", errno};
    }
    for (int i = 0; i < count && running_; ++i) {
      handlers_.on_ready(events[static_cast<std::size_t>(i)].data.u64);
    }
    RunDeadlines();
  }
  return Ok{};
}

}  // namespace ktlsd::agent
