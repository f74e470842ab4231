#include "agent/control/event_ring.h"

#include <utility>

namespace ktlsd::agent {

void EventRing::Add(CalendarTime at, const LogEvent& event) {
  RecordedEvent copy{at, {event.kind, event.level, {}}};
  for (const auto& [name, value] : event.fields) {
    if (copy.event.fields.size() == kMaxFields) {
      break;
    }
    copy.event.fields.emplace_back(name, value.substr(0, kMaxValue));
  }
  events_.push_back(std::move(copy));
  if (events_.size() > capacity_) {
    events_.pop_front();
  }
}

}  // namespace ktlsd::agent
