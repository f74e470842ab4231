// Signs of life for the service manager's watchdog.
//
// Scope:     when the next is due; who runs the loop gives it. A loop that
// hangs
//            gives none, and the manager starts the service anew.
// Layer:     agent/systemd.
// Threads:   one thread.
#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"

namespace ktlsd::agent {

class Heartbeat {
 public:
  Heartbeat() = default;  // nobody watches
  // `limit` is how long the manager waits for the next one.
  Heartbeat(std::chrono::microseconds limit, MonotonicTime now);
  // By $WATCHDOG_USEC and $WATCHDOG_PID, which are removed. One that is never
  // due when they are not there, not for this process, or no numbers.
  static Heartbeat FromEnvironment(MonotonicTime now);

  // When the next one is due: twice within the manager's limit.
  std::optional<MonotonicTime> Next() const;
  // Whether one is due; it is given with the answer.
  bool Due(MonotonicTime now);

 private:
  std::chrono::microseconds period_{0};
  MonotonicTime next_{};
};

}  // namespace ktlsd::agent
