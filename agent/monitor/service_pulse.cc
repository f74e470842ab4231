#include "agent/monitor/service_pulse.h"

namespace ktlsd::agent {
namespace {

// What any message takes of a queue, and more: bytes.
constexpr std::size_t kLeastOfAMessage = 256;

}  // namespace

void ServicePulse::Heard() {
  spoke_ = true;
  still_since_.reset();
}

void ServicePulse::Look(MonotonicTime now, std::size_t unread, uint64_t sent) {
  // Less than before, with what there is more to read since then. Terms lie
  // there until they are needed, and may be more at each look.
  const bool reads = unread < unread_ + (sent - sent_) * kLeastOfAMessage;
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
