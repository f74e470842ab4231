// The newest events of one sort, for an operator who comes afterwards.
//
// Scope:     bounded: so many events, so many fields each, so many bytes each.
// Layer:     agent/control.
// Threads:   one thread.
#pragma once

#include <cstddef>
#include <deque>

#include "agent/log/log_event.h"
#include "base/clock.h"

namespace ktlsd::agent {

struct RecordedEvent {
  CalendarTime at;
  LogEvent event;
};

class EventRing {
 public:
  static constexpr std::size_t kMaxFields = 40;
  static constexpr std::size_t kMaxValue = 512;  // bytes, as in the log

  explicit EventRing(std::size_t capacity) : capacity_(capacity) {}

  // Takes the place of the oldest. What passes a limit is cut off.
  void Add(CalendarTime at, const LogEvent& event);
  const std::deque<RecordedEvent>& newest_last() const { return events_; }

 private:
  std::size_t capacity_;
  std::deque<RecordedEvent> events_;
};

}  // namespace ktlsd::agent
