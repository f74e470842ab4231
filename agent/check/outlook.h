// What the daemon would do with the next request of a consumer.
//
// Scope:     asks the monitor's own plan; says it in words.
// Layer:     agent/check.
// Threads:   pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/check/rehearsal.h"
#include "agent/check/report.h"
#include "agent/config/config.h"
#include "agent/keyring/psk_lookup.h"
#include "agent/upcall/consumer.h"
#include "base/session_keys.h"

namespace ktlsd::agent {

// The consumer of that name, but not kUnknown.
std::optional<Consumer> ConsumerCalled(std::string_view name);

struct Question {
  Consumer consumer{};
  std::string peer;        // name or address; a server may have none
  std::string netns = {};  // its network namespace; "": the daemon's own
};

// What there is to answer with.
struct Means {
  const Config& config;
  const Rehearsal& rehearsal;
  std::vector<CipherSuite> suites;  // that the kernel takes, best first
  std::vector<NamedPsk> psks;
};

// One line for each kind of request that the consumer makes: an error where it
// would be refused.
void ForeseeAnswer(const Question& question, const Means& means,
                   Report& report);

}  // namespace ktlsd::agent
