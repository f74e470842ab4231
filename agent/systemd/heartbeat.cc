#include "agent/systemd/heartbeat.h"

#include <unistd.h>

#include "agent/systemd/environment.h"

namespace ktlsd::agent {

Heartbeat::Heartbeat(std::chrono::microseconds limit, MonotonicTime now)
    : period_(limit / 2), next_(now) {}

Heartbeat Heartbeat::FromEnvironment(MonotonicTime now) {
  // A day is as good as never.
  constexpr int64_t kLongest = int64_t{24} * 3600 * 1'000'000;
  const std::optional<int64_t> limit = TakeNumber("WATCHDOG_USEC", kLongest);
  const std::optional<int64_t> process = TakeNumber("WATCHDOG_PID");
  if (!limit.has_value() || *limit < 2 ||
      process.value_or(::getpid()) != ::getpid()) {
    return {};
  }
  return {std::chrono::microseconds(*limit), now};
}

std::optional<MonotonicTime> Heartbeat::Next() const {
  return period_.count() == 0 ? std::nullopt
                              : std::optional<MonotonicTime>(next_);
}

bool Heartbeat::Due(MonotonicTime now) {
  if (period_.count() == 0 || now < next_) {
    return false;
  }
  next_ = now + period_;
  return true;
}

}  // namespace ktlsd::agent
