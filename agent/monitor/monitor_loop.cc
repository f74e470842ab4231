#include "agent/monitor/monitor_loop.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <utility>

namespace ktlsd::agent {
namespace {

std::string HowItEnded(const siginfo_t& info) {
  return info.si_code == CLD_EXITED
             ? fmt::format("exit status {}", info.si_status)
             : fmt::format("killed by signal {}", info.si_status);
}

// Nothing may be thrown through the C library. What is thrown here is want of
// memory, and RunOnce tells the loop's owner.
template <typename Callback>
int Guarded(sd_event_source* source, const Callback& callback) noexcept {
  try {
    callback();
    return 0;
  } catch (const std::exception&) {
    return ::sd_event_exit(::sd_event_source_get_event(source), -ENOMEM);
  }
}

}  // namespace

MonitorLoop::Watch::~Watch() { ::sd_event_source_disable_unref(source_); }

void MonitorLoop::Watch::Stop() {
  ::sd_event_source_set_enabled(source_, SD_EVENT_OFF);
}

void MonitorLoop::Free::operator()(sd_event* event) const {
  ::sd_event_unref(event);
}

MonitorLoop::MonitorLoop(std::unique_ptr<sd_event, Free> event)
    : event_(std::move(event)) {}

Result<MonitorLoop> MonitorLoop::Create() {
  sd_event* event = nullptr;
  if (const int error = ::sd_event_new(&event); error < 0) {
    return Error{Code::kSystemFailed, "cannot make an event loop", -error};
  }
  return MonitorLoop(std::unique_ptr<sd_event, Free>(event));
}

Result<MonitorLoop::WatchPtr> MonitorLoop::Finish(int error, WatchPtr watch) {
  if (error < 0) {
    return Error{Code::kSystemFailed, "cannot watch for an event", -error};
  }
  return watch;
}

Result<MonitorLoop::WatchPtr> MonitorLoop::OnIo(BorrowedFd fd, uint32_t events,
                                                Callback callback) {
  auto watch = std::make_unique<Watch>();
  watch->callback_ = std::move(callback);
  const int error = ::sd_event_add_io(
      event_.get(), &watch->source_, fd.raw(), events,
      [](sd_event_source* source, int, uint32_t, void* data) {
        return Guarded(source, static_cast<Watch*>(data)->callback_);
      },
      watch.get());
  return Finish(error, std::move(watch));
}

Result<MonitorLoop::WatchPtr> MonitorLoop::OnReadable(BorrowedFd fd,
                                                      Callback callback,
                                                      Urgency urgency) {
  ASSIGN_OR_RETURN(WatchPtr watch, OnIo(fd, EPOLLIN, std::move(callback)));
  if (urgency == Urgency::kFirst) {
    ::sd_event_source_set_priority(watch->source_, SD_EVENT_PRIORITY_IMPORTANT);
  }
  return watch;
}

Result<MonitorLoop::WatchPtr> MonitorLoop::OnWritable(BorrowedFd fd,
                                                      Callback callback) {
  return OnIo(fd, EPOLLOUT, std::move(callback));
}

Result<MonitorLoop::WatchPtr> MonitorLoop::OnChildEnd(pid_t pid,
                                                      ChildCallback callback) {
  auto watch = std::make_unique<Watch>();
  watch->child_callback_ = std::move(callback);
  const int error = ::sd_event_add_child(
      event_.get(), &watch->source_, pid, WEXITED,
      [](sd_event_source* source, const siginfo_t* info, void* data) {
        return Guarded(source, [&] {
          static_cast<Watch*>(data)->child_callback_(HowItEnded(*info));
        });
      },
      watch.get());
  return Finish(error, std::move(watch));
}

Result<MonitorLoop::WatchPtr> MonitorLoop::OnSignal(int number,
                                                    Callback callback) {
  auto watch = std::make_unique<Watch>();
  watch->callback_ = std::move(callback);
  const int error = ::sd_event_add_signal(
      event_.get(), &watch->source_, number,
      [](sd_event_source* source, const signalfd_siginfo*, void* data) {
        return Guarded(source, static_cast<Watch*>(data)->callback_);
      },
      watch.get());
  return Finish(error, std::move(watch));
}

Result<MonitorLoop::WatchPtr> MonitorLoop::OnDirectoryChange(
    const std::string& directory, Callback callback) {
  constexpr uint32_t kChanges = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                                IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR;
  auto watch = std::make_unique<Watch>();
  watch->callback_ = std::move(callback);
  const int error = ::sd_event_add_inotify(
      event_.get(), &watch->source_, directory.c_str(), kChanges,
      [](sd_event_source* source, const inotify_event*, void* data) {
        return Guarded(source, static_cast<Watch*>(data)->callback_);
      },
      watch.get());
  return Finish(error, std::move(watch));
}

Status MonitorLoop::RunOnce(std::optional<std::chrono::microseconds> wake) {
  const uint64_t timeout =
      wake.has_value() ? static_cast<uint64_t>(wake->count()) : UINT64_MAX;
  const int error = ::sd_event_run(event_.get(), timeout);
  if (error < 0) {
    return Error{Code::kSystemFailed, "the event loop failed", -error};
  }
  int thrown = 0;
  if (::sd_event_get_exit_code(event_.get(), &thrown) >= 0) {
    return Error{Code::kNoMemory, "no memory to handle an event", -thrown};
  }
  return Ok{};
}

}  // namespace ktlsd::agent
