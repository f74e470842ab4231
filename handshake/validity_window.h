// The time in which an answer that depends on the calendar stays the same.
//
// Layer:     handshake.
// Threads:   value types.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace ktlsd::handshake {

// From `from` on and before `until`, in whole seconds: certificates and CRLs
// know no others, and all of their dates are within the range of this type.
struct ValidityWindow {
  std::chrono::sys_seconds from = std::chrono::sys_seconds::min();
  std::chrono::sys_seconds until = std::chrono::sys_seconds::max();

  bool Contains(CalendarTime now) const {
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    return from <= second && second < until;
  }

  // Keeps of this window what lies on the same side of `from` and of `until`
  // as `now`: within [`from`, `until`), before it or behind it.
  void Cut(const ValidityWindow& other, CalendarTime now) {
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    for (const std::chrono::sys_seconds edge : {other.from, other.until}) {
      if (edge <= second) {
        from = std::max(from, edge);
      } else {
        until = std::min(until, edge);
      }
    }
  }
};

}  // namespace ktlsd::handshake
