// Which private keys are in tokens.
//
// Layer:     agent/monitor.
// Threads:   pure functions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/config/side_config.h"

namespace ktlsd::agent {

// Each once; those of `wanted` first, as a keeper loads only the module of the
// first. One with a line feed is none that a keeper could be told of, and is
// left out.
std::vector<std::string> TokenUrlsOf(
    std::span<const std::optional<SideConfig>> wanted,
    std::span<const std::optional<SideConfig>> serving);

}  // namespace ktlsd::agent
