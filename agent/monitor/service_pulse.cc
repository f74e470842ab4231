#include "agent/monitor/service_pulse.h"

namespace ktlsd::agent {

void ServicePulse::Heard() {
  spoke_ = true;
  still_since_.reset();
}

void ServicePulse::Look(MonotonicTime now, std::size_t unread, uint64_t sent) {
  // As much as before though there was more to read is less than it would be.
  const bool reads = unread < unread_ || (unread == unread_ && sent != sent_);
  if (unread == 0) {
    still_since_.reset();
  } else if (!still_since_.has_value() || reads) {
    still_since_ = now;
  }
  sent_ = sent;
  unread_ = unread;
  next_look_ = now + kLookEvery;
}

std::optional<std::string_view> ServicePulse::Fault(MonotonicTime now) const {
  if (still_since_.has_value() &&
      now - *still_since_ >= (spoke_ ? kReadsWithin : kStartsWithin)) {
    return "it does not answer";
  }
  return std::nullopt;
}

std::optional<MonotonicTime> ServicePulse::NextLook() const {
  return still_since_.has_value() ? std::optional(next_look_) : std::nullopt;
}

}  // namespace ktlsd::agent
