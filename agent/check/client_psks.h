// The pre-shared keys that a host offers: of the kernel's keyrings, or one that
// was given.
//
// Layer:     agent/check.
// Threads:   one thread.
// Privilege: root's keyrings.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "agent/check/peer_try.h"
#include "agent/config/config.h"
#include "agent/keyring/keyrings.h"
#include "base/hkdf.h"
#include "handshake/config.h"

namespace ktlsd::agent {

struct ClientPsks {
  std::vector<handshake::PskName> names;
  PskUse use;
};

// All that can be used, up to as many as a request of the kernel names;
// `hash` is for those whose identity does not say it. `keyrings` must outlive
// what is returned. Problem: kKeyUnavailable where there are none.
std::variant<ClientPsks, Problem> PsksOfKeyrings(Keyrings& keyrings,
                                                 HashAlgorithm hash);

// One key, in hexadecimal digits in a file that is its owner's alone.
std::variant<ClientPsks, Problem> PskOfFile(const std::string& identity,
                                            const std::string& path,
                                            HashAlgorithm hash);

}  // namespace ktlsd::agent
