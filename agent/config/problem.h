// Why something that the administrator named cannot be used.
//
// Layer:     agent/config.
// Threads:   value type.
#pragma once

#include <string>

#include "base/error_codes.h"

namespace ktlsd::agent {

struct Problem {
  Code code{};
  std::string file;    // as the configuration names it; may be empty
  std::string reason;  // words for the log
};

}  // namespace ktlsd::agent
