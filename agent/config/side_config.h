// What may be set for one side of handshakes, or for a section of peers.
//
// Scope:     values, how they are read, and how a section inherits.
// Layer:     agent/config.
// Threads:   value type.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/config/key_file.h"

namespace ktlsd::agent {

// A key that is there but empty names a file that cannot be used; it is not
// the same as no key.
struct SideConfig {
  std::optional<std::string> truststore;
  std::optional<std::string> crl;
  std::optional<std::string> certificate;
  std::optional<std::string> private_key;

  bool operator==(const SideConfig&) const = default;
};

// Reads the keys of `group`; malformed ones are noted in `file`.
SideConfig ReadSide(KeyFile& file, const std::string& group);
// Is `key` one that ReadSide reads?
bool IsSideKey(std::string_view key);

// `own`, and what it does not set as `base` has it. A certificate and its
// private key are one thing.
SideConfig Inherit(SideConfig own, const SideConfig& base);

}  // namespace ktlsd::agent
