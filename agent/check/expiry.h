// How near the end of something is.
//
// Layer:     agent/check.
// Threads:   pure functions.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace ktlsd::agent {

// Certificates that end within this time are warned of.
inline constexpr std::chrono::days kExpiresSoon{30};
// Revocation lists live shorter.
inline constexpr std::chrono::days kListEndsSoon{1};

enum class Expiry : uint8_t { kNotSoon, kSoon, kOver };

constexpr Expiry ExpiryOf(CalendarTime end, CalendarTime now,
                          std::chrono::days soon) {
  if (end < now) {
    return Expiry::kOver;
  }
  return end - now < soon ? Expiry::kSoon : Expiry::kNotSoon;
}

}  // namespace ktlsd::agent
