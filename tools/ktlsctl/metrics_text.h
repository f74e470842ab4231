// The daemon's numbers as Prometheus reads them.
//
// Scope:     the text format is prometheus-cpp's; here and not in the daemon,
//            so that the privileged process neither links it nor writes files.
// Layer:     tools/ktlsctl.
// Threads:   pure, but for the file.
#pragma once

#include <string>

#include "agent/control/json.h"

namespace ktlsd::ktlsctl {

// `metrics` is the daemon's answer. Throws nlohmann's exceptions where it is
// not made as that.
std::string MetricsText(const agent::Json& metrics);

// Puts `text` there, at once and as a whole, readable by all: a reader sees the
// old file or the new one. Returns why that failed, or nothing.
std::string ReplaceFile(const std::string& path, const std::string& text);

}  // namespace ktlsd::ktlsctl
