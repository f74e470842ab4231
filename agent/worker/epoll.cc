#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <utility>

#include "agent/worker/readiness.h"

namespace ktlsd::agent {
namespace {

class Epoll final : public Readiness {
 public:
  explicit Epoll(OwnedFd epoll) : epoll_(std::move(epoll)) {}

  LoopKind kind() const override { return LoopKind::kEpoll; }

  Status Watch(BorrowedFd fd, Token token, Interest interest) override {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
    if (interest == Interest::kInputAndRoom) {
      event.events |= EPOLLOUT;
    }
    event.data.u64 = token;
    if (::epoll_ctl(epoll_.raw(), EPOLL_CTL_ADD, fd.raw(), &event) != 0) {
      return Error{Code::kSystemFailed, "epoll_ctl", errno};
    }
    return Ok{};
  }

  Status Unwatch(BorrowedFd fd) override {
    if (::epoll_ctl(epoll_.raw(), EPOLL_CTL_DEL, fd.raw(), nullptr) != 0 &&
        errno != ENOENT) {
      return Error{Code::kSystemFailed, "epoll_ctl", errno};
    }
    return Ok{};
  }

  Status Wait(std::optional<std::chrono::milliseconds> at_most,
              std::vector<Token>& ready) override {
    std::array<epoll_event, 64> events;
    const int timeout = at_most ? static_cast<int>(at_most->count()) : -1;
    const int count = ::epoll_wait(epoll_.raw(), events.data(),
                                   static_cast<int>(events.size()), timeout);
    if (count < 0 && errno != EINTR) {
      return Error{Code::kSystemFailed, "epoll_wait", errno};
    }
    for (int i = 0; i < count; ++i) {
      // A copy: the kernel's structure is packed.
      const Token token = events[static_cast<std::size_t>(i)].data.u64;
      ready.push_back(token);
    }
    return Ok{};
  }

 private:
  OwnedFd epoll_;
};

}  // namespace

Result<std::unique_ptr<Readiness>> OpenEpoll() {
  OwnedFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) {
    return Error{Code::kSystemFailed, "epoll_create1", errno};
  }
  return std::unique_ptr<Readiness>(std::make_unique<Epoll>(std::move(epoll)));
}

}  // namespace ktlsd::agent
