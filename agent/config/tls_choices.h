// Cipher suites and groups by name: the keys `ciphers` and `groups`.
//
// Layer:     agent/config.
// Threads:   pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/key_file.h"
#include "base/session_keys.h"
#include "handshake/wire.h"

namespace ktlsd::agent {

// By the names of the IANA registries, without regard to case. Nothing for one
// that this agent has not.
std::optional<CipherSuite> SuiteNamed(std::string_view name);
std::optional<handshake::NamedGroup> GroupNamed(std::string_view name);

// All that can be named.
std::vector<CipherSuite> AllSuites();
std::vector<handshake::NamedGroup> AllGroups();

// Lists, best first. One that is empty, or has a name that is none or is there
// twice, is a problem.
std::optional<std::vector<CipherSuite>> ReadSuites(KeyFile& file,
                                                   const std::string& group);
std::optional<std::vector<handshake::NamedGroup>> ReadGroups(
    KeyFile& file, const std::string& group);

}  // namespace ktlsd::agent
