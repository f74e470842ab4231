// What the roles do to their process first.
//
// Layer:     agent/service.
#pragma once

#include "base/result.h"

// Only one of the two is what a compiler has.
#if defined(__SANITIZE_ADDRESS__)
#define KTLSD_ADDRESS_SANITIZER true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KTLSD_ADDRESS_SANITIZER true
#endif
#endif
#if !defined(KTLSD_ADDRESS_SANITIZER)
#define KTLSD_ADDRESS_SANITIZER false
#endif

namespace ktlsd::agent {

// The leak check of the address sanitizer inspects a process from outside.
inline constexpr bool kMayBeInspected = KTLSD_ADDRESS_SANITIZER;

// Its findings go to standard error.
inline constexpr bool kReportsToStderr = KTLSD_ADDRESS_SANITIZER;

// No core dump and no ptrace by others of the same user.
Status ForbidInspection();

// That, and no end by the terminal's signals: the monitor's link says when to
// end.
Status PrepareProcess();

}  // namespace ktlsd::agent
