// A clock that is read once in a turn of an event loop.
//
// Scope:     where the kernel has no vDSO each reading is a system call, and
//            one turn asks for the time dozens of times.
// Layer:     base.
// Threads:   one thread, the loop's.
#pragma once

#include <optional>

#include "base/clock.h"

namespace ktlsd {

class TurnClock final : public Clock {
 public:
  // `clock` must outlive this.
  explicit TurnClock(const Clock& clock) : clock_(clock) {}

  // Whoever asks next learns the time as it is then, and all others after it
  // the same, until the next turn. To be called when the loop has waited, and
  // after work that takes long.
  void NewTurn() {
    now_.reset();
    today_.reset();
  }

  MonotonicTime Now() const override { return now_ ? *now_ : Exact(); }
  MonotonicTime Exact() const override { return now_.emplace(clock_.Now()); }
  CalendarTime Today() const override {
    return today_ ? *today_ : today_.emplace(clock_.Today());
  }

 private:
  const Clock& clock_;
  mutable std::optional<MonotonicTime> now_;
  mutable std::optional<CalendarTime> today_;
};

}  // namespace ktlsd
