// The whole of `ktlsctl check`.
//
// Scope:     the configuration and its files, the kernel, the keyrings, and
//            what would happen to a request.
// Layer:     agent/check.
// Threads:   one thread.
// Privilege: root's, to see all that the daemon sees.
#pragma once

#include <optional>
#include <string>

#include "agent/check/host.h"
#include "agent/check/outlook.h"
#include "agent/check/report.h"

namespace ktlsd::agent {

Report CheckAll(const std::string& config_path,
                const std::optional<Question>& question, const Host& host);

// CheckAll of this host. Gives this process keyrings of its own.
Report CheckThisHost(const std::string& config_path,
                     const std::optional<Question>& question);

}  // namespace ktlsd::agent
