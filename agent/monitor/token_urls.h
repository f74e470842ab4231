// Which private keys of a configuration are in tokens.
//
// Layer:     agent/monitor.
// Threads:   pure functions.
#pragma once

#include <string>
#include <vector>

#include "agent/config/config.h"

namespace ktlsd::agent {

// Each once, in order. One with a line feed is none that a keeper could be
// told of, and is left out.
std::vector<std::string> TokenUrlsOf(const Config& config);

}  // namespace ktlsd::agent
