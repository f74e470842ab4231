// The monitor's event loop: libsystemd's, with owners.
//
// Scope:     descriptors, child processes, signals, directories. Deadlines are
//            kept by those who have them: they say when they want to run next.
// Layer:     agent/monitor; libsystemd.
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

struct sd_event;
struct sd_event_source;

namespace ktlsd::agent {

class MonitorLoop {
 public:
  // Something that is watched while this lives. A callback must not destroy
  // its own Watch.
  class Watch;
  using WatchPtr = std::unique_ptr<Watch>;
  using Callback = std::function<void()>;
  enum class Urgency : uint8_t { kFirst, kNormal };

  static Result<MonitorLoop> Create();

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

  // Handles one event, or waits until `wake` at most.
  // Errors: kNoMemory a callback threw; kSystemFailed
  Status RunOnce(std::optional<std::chrono::microseconds> wake);

 private:
  struct Free {
    void operator()(sd_event* event) const;
  };
  explicit MonitorLoop(std::unique_ptr<sd_event, Free> event);
  static Result<WatchPtr> Finish(int error, WatchPtr watch);
  Result<WatchPtr> OnIo(BorrowedFd fd, uint32_t events, Callback callback);

  std::unique_ptr<sd_event, Free> event_;
};

class MonitorLoop::Watch {
 public:
  Watch() = default;
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();
  // Watches no more. Also in its own callback; before its descriptor closes.
  void Stop();

 private:
  friend class MonitorLoop;
  sd_event_source* source_ = nullptr;
  Callback callback_;
  ChildCallback child_callback_;
};

}  // namespace ktlsd::agent
