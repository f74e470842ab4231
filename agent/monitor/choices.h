// What settings and crypto policy leave to agree on, on this host.
//
// Layer:     agent/monitor.
// Threads:   pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/crypto_policy.h"
#include "agent/config/problem.h"
#include "agent/config/side_config.h"
#include "base/session_keys.h"
#include "handshake/wire.h"

namespace ktlsd::agent {

struct Choices {
  std::optional<std::vector<CipherSuite>> suites;  // none: no wish
  std::vector<handshake::NamedGroup> groups;       // none: no wish
  std::optional<Problem> problem;                  // nothing is left
  std::vector<std::string> lacking;  // groups that this libcrypto has not
};

// In the order of `config`; the policy only takes away.
Choices MakeChoices(const SideConfig& config, const CryptoPolicy& policy);

// Why what connections are expected to move is too much for keys that are never
// renewed; nothing if it is not, or if nothing is expected. `suites`: those
// that may be agreed on; none: all.
std::optional<std::string> VolumeTrouble(
    std::optional<uint64_t> expected,
    const std::optional<std::vector<CipherSuite>>& suites);

}  // namespace ktlsd::agent
