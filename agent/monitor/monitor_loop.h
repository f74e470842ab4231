// The monitor's event loop.
//
// Scope:     descriptors, child processes, signals, directories. Deadlines are
//            kept by those who have them: they say when they want to run next.
//            Several events are handled in one turn, and a turn is one system
//            call beside what the callbacks do: that is why it is not
//            libsystemd's, which makes four for each event.
// Layer:     agent/monitor.
// Threads:   one thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

class MonitorLoop {
 public:
  // Something that is watched while this lives; the loop must outlive it. A
  // callback must not destroy its own Watch.
  class Watch;
  using WatchPtr = std::unique_ptr<Watch>;
  using Callback = std::function<void()>;
  enum class Urgency : uint8_t { kFirst, kNormal };
  // Events of one turn; those that follow are of the next.
  static constexpr int kMostEvents = 16;

  static Result<MonitorLoop> Create();
  MonitorLoop(MonitorLoop&&) noexcept;
  ~MonitorLoop();

  // While `fd`, which must outlive the watch, can be read or was hung up.
  Result<WatchPtr> OnReadable(BorrowedFd fd, Callback callback,
                              Urgency urgency = Urgency::kNormal);
  // While `fd` can be written to.
  Result<WatchPtr> OnWritable(BorrowedFd fd, Callback callback);
  // When the child `pid` has ended and was reaped; `how` says it in words.
  using ChildCallback = std::function<void(const std::string& how)>;
  Result<WatchPtr> OnChildEnd(pid_t pid, ChildCallback callback);
  // The signal must be blocked.
  Result<WatchPtr> OnSignal(int number, Callback callback);
  // When an entry of `directory` changes.
  Result<WatchPtr> OnDirectoryChange(const std::string& directory,
                                     Callback callback);

  // Handles what has happened, what is urgent first, or waits until `wake` at
  // most.
  // Errors: kNoMemory a callback threw; kSystemFailed
  Status RunOnce(std::optional<std::chrono::microseconds> wake);

 private:
  class Watched;
  explicit MonitorLoop(std::unique_ptr<Watched> watched);

  std::unique_ptr<Watched> watched_;
};

class MonitorLoop::Watch {
 public:
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();
  // Watches no more. Also in its own callback; before its descriptor closes.
  void Stop();
  // Of OnReadable: whether it is told that there is something to read, as at
  // first; that the other end hung up it is told in any case.
  // Errors: kSystemFailed
  Status Listen(bool listens);

 private:
  friend class MonitorLoop;
  explicit Watch(Watched& watched) : watched_(watched) {}

  Watched& watched_;
  uint64_t id_ = 0;      // 0: not watched
  int descriptor_ = -1;  // in the loop's epoll; -1: none of its own
  uint32_t events_ = 0;
  Urgency urgency_ = Urgency::kNormal;
  OwnedFd own_;  // of a child or a signal
  int directory_ = -1;
  Callback callback_;
};

}  // namespace ktlsd::agent
