#include "kernel-tests/load/crowd.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <utility>

namespace ktlsd::load {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

Crowd::Crowd(const ktlsd_config* config, const sockaddr_in& server,
             const CrowdOptions& options,
             std::function<void(std::size_t)> after_each)
    : config_(config),
      server_(server),
      options_(options),
      after_each_(std::move(after_each)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      seats_(std::min(options.at_once, options.clients)) {}

CrowdResult Crowd::Run() {
  const Time began = steady_clock::now();
  for (std::size_t seat = 0; seat < seats_.size(); ++seat) {
    Begin(seat);
  }
  while (ended_ < options_.clients) {
    std::array<epoll_event, 64> events{};
    const int ready =
        ::epoll_wait(epoll_.raw(), events.data(),
                     static_cast<int>(events.size()), UntilOverdue());
    for (int i = 0; i < ready; ++i) {
      Advance(events.at(static_cast<std::size_t>(i)).data.u64);
    }
    EndOverdue();
  }
  result_.wall = duration_cast<microseconds>(steady_clock::now() - began);
  return std::move(result_);
}

void Crowd::Begin(std::size_t seat) {
  Client& client = seats_.at(seat);
  if (begun_ == options_.clients) {
    client.session = nullptr;
    return;
  }
  ++begun_;
  client.began = steady_clock::now();
  client.session = std::make_unique<Session>(config_, server_,
                                             static_cast<uint32_t>(begun_));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  event.data.u64 = seat;
  // A descriptor that is none ends by its time; the first event comes at once.
  ::epoll_ctl(epoll_.raw(), EPOLL_CTL_ADD, client.session->fd(), &event);
}

void Crowd::Advance(std::size_t seat) {
  const Client& client = seats_.at(seat);
  if (client.session == nullptr) {
    return;
  }
  switch (client.session->Step()) {
    case Session::Progress::kWaits:
      return;
    case Session::Progress::kDone:
      return End(seat, {});
    case Session::Progress::kFailed:
      return End(seat, client.session->failure());
  }
}

void Crowd::End(std::size_t seat, std::string_view failure) {
  const Client& client = seats_.at(seat);
  if (failure.empty()) {
    ++result_.sessions;
    result_.times.push_back(
        duration_cast<microseconds>(steady_clock::now() - client.began));
  } else {
    ++result_.failures[std::string(failure)];
  }
  ++ended_;
  after_each_(ended_);
  Begin(seat);
}

void Crowd::EndOverdue() {
  const Time now = steady_clock::now();
  for (std::size_t seat = 0; seat < seats_.size(); ++seat) {
    const Client& client = seats_.at(seat);
    if (client.session != nullptr && now >= client.began + options_.patience) {
      End(seat, "out_of_time");
    }
  }
}

int Crowd::UntilOverdue() const {
  Time first = Time::max();
  for (const Client& client : seats_) {
    if (client.session != nullptr) {
      first = std::min(first, client.began + options_.patience);
    }
  }
  const auto left = duration_cast<milliseconds>(first - steady_clock::now());
  return static_cast<int>(std::max(left, milliseconds{0}).count()) + 1;
}

}  // namespace ktlsd::load
