// When to ACCEPT again after one has failed.
//
// Scope:     pauses that grow, and the lines about it. What waits is safe in
//            the kernel meanwhile, and each failed try may cost a request.
// Layer:     agent/monitor.
// Threads:   one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/log/log_event.h"
#include "base/clock.h"
#include "base/result.h"

namespace ktlsd::agent {

class AcceptPace {
 public:
  static constexpr std::chrono::milliseconds kFirstPause{50};
  static constexpr std::chrono::milliseconds kLongestPause{1000};

  // Both must outlive this.
  AcceptPace(LogSink& log, const Clock& clock) : log_(log), clock_(clock) {}

  bool resting() const;
  bool due() const;  // the pause after a failure is over
  // Somebody tries now.
  void Begin() { again_.reset(); }
  void Failed(const Error& error);
  void Worked();
  std::optional<MonotonicTime> NextTry() const { return again_; }

 private:
  bool WorthALine(const Error& error) const;

  LogSink& log_;
  const Clock& clock_;
  std::optional<MonotonicTime> again_;
  std::chrono::milliseconds pause_{0};
  uint64_t failures_ = 0;  // since one worked
  // What was complained of last, and when.
  std::string complaint_;
  int os_error_ = 0;
  std::optional<MonotonicTime> complained_;
  bool recovery_is_news_ = false;
};

}  // namespace ktlsd::agent
