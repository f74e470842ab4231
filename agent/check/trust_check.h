// The authorities and revocation lists of one side, which can be loaded: what
// expires, and whom no list covers.
//
// Layer:     agent/check.
// Threads:   pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/check/report.h"
#include "base/clock.h"

namespace ktlsd::agent {

struct TrustFiles {
  std::string store;
  // The system's stores hold what nobody here chose: single authorities of it
  // that expire are nothing to report.
  bool is_systems = false;
  std::optional<std::string> crl;
};

void CheckTrust(std::string_view side, const TrustFiles& files,
                CalendarTime now, Report& report);

}  // namespace ktlsd::agent
