// Notices that files of the configuration were changed.
//
// Scope:     inotify where the file system has it, and a look now and then for
//            where it has not. Waits until the changes have settled.
// Layer:     agent/monitor.
// Threads:   one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/config/files.h"
#include "agent/monitor/monitor_loop.h"
#include "base/clock.h"

namespace ktlsd::agent {

class FileWatch {
 public:
  // Both must outlive this.
  FileWatch(MonitorLoop& loop, const Clock& clock)
      : loop_(loop), clock_(clock) {}

  // From now on watches `paths` as they are now.
  void Set(std::vector<std::string> paths);
  // Whether something changed since Set, and has settled. Not to be called
  // from an event's callback.
  bool Changed();
  std::optional<MonotonicTime> NextWake() const { return look_at_; }

 private:
  MonitorLoop& loop_;
  const Clock& clock_;
  FileStamps stamps_;
  std::vector<MonitorLoop::WatchPtr> watches_;
  std::optional<MonotonicTime> look_at_;
};

}  // namespace ktlsd::agent
