// A failure in words: what the log says, and what the runbook says of it.
//
// Layer:     agent/check.
// Threads:   pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/error_codes.h"

namespace ktlsd::agent {

// Lines, each with its end:
//   refused: REASON (CODE, fault: FAULT)
//     why:  ...
//     do:   ...
// `outcome` is the first word; `reason` is escaped.
std::string Explain(std::string_view outcome, Code code,
                    std::string_view reason);

}  // namespace ktlsd::agent
