// The authorities and revocation lists of one side, which can be loaded: what
// expires, and whom no list covers.
//
// Layer:     agent/check.
// Threads:   pure functions.
#pragma once

#include <string_view>

#include "agent/check/report.h"
#include "agent/check/trust_files.h"
#include "base/clock.h"

namespace ktlsd::agent {

void CheckTrust(std::string_view side, const TrustFiles& files,
                CalendarTime now, Report& report);

}  // namespace ktlsd::agent
