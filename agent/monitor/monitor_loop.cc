#include "agent/monitor/monitor_loop.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <exception>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace ktlsd::agent {
namespace {

Error CannotWatch() {
  return {Code::kSystemFailed, "cannot watch for an event", errno};
}

std::string HowItEnded(const siginfo_t& info) {
  return info.si_code == CLD_EXITED
             ? fmt::format("exit status {}", info.si_status)
             : fmt::format("killed by signal {}", info.si_status);
}

// An older C library has no pidfd_open().
OwnedFd OpenProcess(pid_t pid) {
  return OwnedFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

// Nothing while it has not ended.
std::optional<siginfo_t> Reap(BorrowedFd process) {
  siginfo_t info{};
  constexpr auto kPidfd = static_cast<idtype_t>(3);  // P_PIDFD
  return ::waitid(kPidfd, static_cast<id_t>(process.raw()), &info,
                  WEXITED | WNOHANG) == 0 &&
                 info.si_pid != 0
             ? std::optional(info)
             : std::nullopt;
}

bool TakeSignal(BorrowedFd signals) {
  signalfd_siginfo taken{};
  return ::read(signals.raw(), &taken, sizeof(taken)) == sizeof(taken);
}

// Rounded up: a wake too early would find nothing to do.
int Milliseconds(std::optional<std::chrono::microseconds> wake) {
  using std::chrono::milliseconds;
  return wake.has_value()
             ? static_cast<int>(std::clamp<milliseconds::rep>(
                   std::chrono::ceil<milliseconds>(*wake).count(), 0, INT_MAX))
             : -1;
}

}  // namespace

// What the loop knows of its watches, by numbers that are used once: an event
// of a watch that is gone by the time it is handled finds nobody.
class MonitorLoop::Watched {
 public:
  using Id = uint64_t;
  static constexpr Id kDirectories = 0;

  explicit Watched(OwnedFd epoll) : epoll_(std::move(epoll)) {}

  Status Add(Watch& watch, BorrowedFd fd, uint32_t events);
  Status AddDirectory(Watch& watch, const std::string& path);
  Status Change(const Watch& watch, uint32_t events);
  void Remove(Watch& watch);
  Status Run(int timeout);

 private:
  Status Control(int what, int fd, Id id, uint32_t events);
  Urgency UrgencyOf(Id id) const;
  // Whose events these are, what is urgent first.
  std::vector<Id> InOrder(std::span<const epoll_event> ready) const;
  void Tell(Id id);
  void TellOfDirectories();
  void TellOfDirectory(const inotify_event& event);

  OwnedFd epoll_;
  OwnedFd directories_;  // inotify, once there are any
  std::map<Id, Watch*> watches_;
  Id last_id_ = kDirectories;
};

Status MonitorLoop::Watched::Control(int what, int fd, Id id, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return ::epoll_ctl(epoll_.raw(), what, fd, &event) == 0
             ? Status(Ok{})
             : Status(CannotWatch());
}

Status MonitorLoop::Watched::Add(Watch& watch, BorrowedFd fd, uint32_t events) {
  const Id id = ++last_id_;
  watches_.emplace(id, &watch);
  const Status added = Control(EPOLL_CTL_ADD, fd.raw(), id, events);
  if (!added.ok()) {
    watches_.erase(id);
    return added;
  }
  watch.id_ = id;
  watch.descriptor_ = fd.raw();
  watch.events_ = events;
  return Ok{};
}

// One inotify for all: an administrator may allow few.
Status MonitorLoop::Watched::AddDirectory(Watch& watch,
                                          const std::string& path) {
  constexpr uint32_t kChanges = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                                IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR;
  if (!directories_.valid()) {
    OwnedFd opened(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!opened.valid()) {
      return CannotWatch();
    }
    RETURN_IF_ERROR(
        Control(EPOLL_CTL_ADD, opened.raw(), kDirectories, EPOLLIN));
    directories_ = std::move(opened);
  }
  const int directory =
      ::inotify_add_watch(directories_.raw(), path.c_str(), kChanges);
  if (directory < 0) {
    return CannotWatch();
  }
  watch.id_ = ++last_id_;
  watch.directory_ = directory;
  watches_.emplace(watch.id_, &watch);
  return Ok{};
}

Status MonitorLoop::Watched::Change(const Watch& watch, uint32_t events) {
  return Control(EPOLL_CTL_MOD, watch.descriptor_, watch.id_, events);
}

void MonitorLoop::Watched::Remove(Watch& watch) {
  watches_.erase(std::exchange(watch.id_, 0));
  if (const int fd = std::exchange(watch.descriptor_, -1); fd >= 0) {
    static_cast<void>(Control(EPOLL_CTL_DEL, fd, 0, 0));
  }
  if (const int gone = std::exchange(watch.directory_, -1); gone >= 0) {
    const bool shared = std::ranges::any_of(watches_, [gone](const auto& one) {
      return one.second->directory_ == gone;
    });
    if (!shared) {
      ::inotify_rm_watch(directories_.raw(), gone);
    }
  }
}

MonitorLoop::Urgency MonitorLoop::Watched::UrgencyOf(Id id) const {
  const auto watch = watches_.find(id);
  return watch == watches_.end() ? Urgency::kNormal : watch->second->urgency_;
}

std::vector<MonitorLoop::Watched::Id> MonitorLoop::Watched::InOrder(
    std::span<const epoll_event> ready) const {
  std::vector<Id> ids;
  ids.reserve(ready.size());
  for (const Urgency urgency : {Urgency::kFirst, Urgency::kNormal}) {
    for (const epoll_event& one : ready) {
      const Id id = one.data.u64;  // a copy: the kernel's structure is packed
      if (UrgencyOf(id) == urgency) {
        ids.push_back(id);
      }
    }
  }
  return ids;
}

Status MonitorLoop::Watched::Run(int timeout) {
  std::array<epoll_event, kMostEvents> ready;
  const int count =
      ::epoll_wait(epoll_.raw(), ready.data(), kMostEvents, timeout);
  if (count < 0 && errno != EINTR) {
    return Error{Code::kSystemFailed, "the event loop failed", errno};
  }
  for (const Id id : InOrder(std::span(ready).first(
           static_cast<std::size_t>(std::max(count, 0))))) {
    if (id == kDirectories) {
      TellOfDirectories();
    } else {
      Tell(id);
    }
  }
  return Ok{};
}

void MonitorLoop::Watched::Tell(Id id) {
  if (const auto watch = watches_.find(id); watch != watches_.end()) {
    watch->second->callback_();
  }
}

void MonitorLoop::Watched::TellOfDirectories() {
  alignas(inotify_event) std::array<char, 4096> bytes;
  const ssize_t size = ::read(directories_.raw(), bytes.data(), bytes.size());
  for (ssize_t at = 0; at < size;) {
    inotify_event event{};
    std::memcpy(&event, bytes.data() + at, sizeof(event));
    TellOfDirectory(event);
    at += static_cast<ssize_t>(sizeof(event) + event.len);
  }
}

// After an overflow nobody knows which it was.
void MonitorLoop::Watched::TellOfDirectory(const inotify_event& event) {
  std::vector<Id> told;
  for (const auto& [id, watch] : watches_) {
    if (watch->directory_ >= 0 &&
        ((event.mask & IN_Q_OVERFLOW) != 0 || watch->directory_ == event.wd)) {
      told.push_back(id);
    }
  }
  for (const Id id : told) {
    Tell(id);
  }
}

MonitorLoop::Watch::~Watch() { Stop(); }

void MonitorLoop::Watch::Stop() {
  if (id_ != 0) {
    watched_.Remove(*this);
  }
}

Status MonitorLoop::Watch::Listen(bool listens) {
  const uint32_t events = listens ? uint32_t{EPOLLIN} : 0;
  if (id_ == 0 || events == events_) {
    return Ok{};
  }
  RETURN_IF_ERROR(watched_.Change(*this, events));
  events_ = events;
  return Ok{};
}

MonitorLoop::MonitorLoop(std::unique_ptr<Watched> watched)
    : watched_(std::move(watched)) {}
MonitorLoop::MonitorLoop(MonitorLoop&&) noexcept = default;
MonitorLoop::~MonitorLoop() = default;

Result<MonitorLoop> MonitorLoop::Create() {
  OwnedFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) {
    return Error{Code::kSystemFailed, "cannot make an event loop", errno};
  }
  return MonitorLoop(std::make_unique<Watched>(std::move(epoll)));
}

Result<MonitorLoop::WatchPtr> MonitorLoop::OnReadable(BorrowedFd fd,
                                                      Callback callback,
                                                      Urgency urgency) {
  WatchPtr watch(new Watch(*watched_));
  watch->callback_ = std::move(callback);
  watch->urgency_ = urgency;
  RETURN_IF_ERROR(watched_->Add(*watch, fd, EPOLLIN));
  return watch;
}

Result<MonitorLoop::WatchPtr> MonitorLoop::OnWritable(BorrowedFd fd,
                                                      Callback callback) {
  WatchPtr watch(new Watch(*watched_));
  watch->callback_ = std::move(callback);
  RETURN_IF_ERROR(watched_->Add(*watch, fd, EPOLLOUT));
  return watch;
}

Result<MonitorLoop::WatchPtr> MonitorLoop::OnChildEnd(pid_t pid,
                                                      ChildCallback callback) {
  WatchPtr watch(new Watch(*watched_));
  watch->own_ = OpenProcess(pid);
  if (!watch->own_.valid()) {
    return CannotWatch();
  }
  watch->callback_ = [raw = watch.get(), told = std::move(callback)] {
    if (const auto info = Reap(raw->own_.borrow())) {
      raw->Stop();
      told(HowItEnded(*info));
    }
  };
  RETURN_IF_ERROR(watched_->Add(*watch, watch->own_.borrow(), EPOLLIN));
  return watch;
}

Result<MonitorLoop::WatchPtr> MonitorLoop::OnSignal(int number,
                                                    Callback callback) {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, number);
  WatchPtr watch(new Watch(*watched_));
  watch->own_ = OwnedFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!watch->own_.valid()) {
    return CannotWatch();
  }
  watch->callback_ = [raw = watch.get(), told = std::move(callback)] {
    if (TakeSignal(raw->own_.borrow())) {
      told();
    }
  };
  RETURN_IF_ERROR(watched_->Add(*watch, watch->own_.borrow(), EPOLLIN));
  return watch;
}

Result<MonitorLoop::WatchPtr> MonitorLoop::OnDirectoryChange(
    const std::string& directory, Callback callback) {
  WatchPtr watch(new Watch(*watched_));
  watch->callback_ = std::move(callback);
  RETURN_IF_ERROR(watched_->AddDirectory(*watch, directory));
  return watch;
}

Status MonitorLoop::RunOnce(std::optional<std::chrono::microseconds> wake) {
  try {
    return watched_->Run(Milliseconds(wake));
  } catch (const std::exception&) {
    return Error{Code::kNoMemory, "no memory to handle an event"};
  }
}

}  // namespace ktlsd::agent
