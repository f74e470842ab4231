// Time as a parameter: what reads a clock is handed one.
//
// Layer:     base.
// Threads:   implementations are safe for concurrent use, but for turn_clock.h.
#pragma once

#include <chrono>

namespace ktlsd {

// Never jumps; deadlines and durations are in it. CLOCK_MONOTONIC.
using MonotonicTime = std::chrono::steady_clock::time_point;
// The calendar; certificates are valid in it. CLOCK_REALTIME.
using CalendarTime = std::chrono::system_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  // Perhaps the time at which this turn of a loop began (turn_clock.h).
  virtual MonotonicTime Now() const = 0;
  // The time at which it is called, for what lasts shorter than a turn; Now()
  // is no earlier afterwards.
  virtual MonotonicTime Exact() const { return Now(); }
  virtual CalendarTime Today() const = 0;
};

class SystemClock final : public Clock {
 public:
  MonotonicTime Now() const override {
    return std::chrono::steady_clock::now();
  }
  CalendarTime Today() const override {
    return std::chrono::system_clock::now();
  }
};

}  // namespace ktlsd
