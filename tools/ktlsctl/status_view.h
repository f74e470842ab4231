// What `ktlsctl status` shows.
//
// Layer:     tools/ktlsctl.
// Threads:   pure functions.
#pragma once

#include <string>

#include "agent/control/json.h"

namespace ktlsd::ktlsctl {

// `status` is the daemon's answer. Throws nlohmann's exceptions where it is not
// made as that.
std::string StatusText(const agent::Json& status);

// A keeper and a verifier run, and nothing that is configured is unusable.
bool IsWell(const agent::Json& status);

}  // namespace ktlsd::ktlsctl
