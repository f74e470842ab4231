#include "agent/monitor/pulse.h"

namespace ktlsd::agent {

void Pulse::Heard() {
  still_since_.reset();
  late_since_.reset();
}

void Pulse::Late(MonotonicTime now, std::size_t unread) {
  still_since_ = still_since_.value_or(now);
  late_since_ = late_since_.value_or(now);
  last_late_ = now;
  next_look_ = now + kLookEvery;
  unread_ = unread;
}

void Pulse::Look(MonotonicTime now, std::size_t unread) {
  if (!behind()) {
    return;
  }
  if (unread == 0) {
    still_since_.reset();
  } else if (unread < unread_) {
    still_since_ = now;
  }
  unread_ = unread;
  next_look_ = now + kLookEvery;
}

std::optional<std::string_view> Pulse::Fault(MonotonicTime now) const {
  if (still_since_.has_value() && now - *still_since_ >= kReadsWithin) {
    return "it does not answer";
  }
  // Counted up to the last late job: one without jobs has nothing to end.
  if (late_since_.has_value() && last_late_ - *late_since_ >= kEndsOneWithin) {
    return "it ends none of its jobs";
  }
  return std::nullopt;
}

std::optional<MonotonicTime> Pulse::NextLook() const {
  return behind() ? std::optional(next_look_) : std::nullopt;
}

}  // namespace ktlsd::agent
