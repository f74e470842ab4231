// Variables that a service manager sets for one process.
//
// Scope:     each is read once and removed: processes that this one starts must
//            not take them for theirs.
// Layer:     agent/systemd.
// Threads:   none other may run: the environment is the process's.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace ktlsd::agent {

// The variable's text, or nothing if there is none.
std::optional<std::string> TakeText(const char* name);

// A whole decimal number from 0 to `most`; nothing if it is anything else.
std::optional<int64_t> TakeNumber(
    const char* name, int64_t most = std::numeric_limits<int64_t>::max());

}  // namespace ktlsd::agent
