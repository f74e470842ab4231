// The whole of `ktlsctl check`.
//
// Scope:     the configuration and its files, the kernel, the keyrings, and
//            what would happen to a request.
// Layer:     agent/check.
// Threads:   one thread.
// Privilege: root's, to see all that the daemon sees.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/check/kernel_check.h"
#include "agent/check/outlook.h"
#include "agent/check/report.h"
#include "agent/keyring/keyrings.h"
#include "base/clock.h"

namespace ktlsd::agent {

// What the inspection looks at.
struct Host {
  KernelFacts kernel;
  uid_t key_owner = 0;  // beside root
  Keyrings& keyrings;
  // Links the kernel's own keyrings and `configured` to this process; returns
  // the names that were not found.
  std::function<std::vector<std::string>(
      const std::vector<std::string>& configured)>
      link;
  const Clock& clock;
};

Report CheckAll(const std::string& config_path,
                const std::optional<Question>& question, const Host& host);

// CheckAll of this host. Gives this process keyrings of its own.
Report CheckThisHost(const std::string& config_path,
                     const std::optional<Question>& question);

}  // namespace ktlsd::agent
