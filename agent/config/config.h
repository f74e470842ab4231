// The configuration file, in the syntax and with the keys of tlshd, and a few
// of our own.
//
// Scope:     text in, values out. A file that a key names is opened elsewhere
//            (agent/config/files.h).
// Layer:     agent/config; GLib's GKeyFile.
// Threads:   value types.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error_codes.h"
#include "base/hkdf.h"

namespace ktlsd::agent {

// Why something that the administrator named cannot be used.
struct Problem {
  Code code{};
  std::string file;    // as the configuration names it; may be empty
  std::string reason;  // words for the log
};

// [authenticate.client] or [authenticate.server]. A key that is there but
// empty names a file that cannot be used; it is not the same as no key.
struct SideConfig {
  std::optional<std::string> truststore;
  std::optional<std::string> crl;
  std::optional<std::string> certificate;
  std::optional<std::string> private_key;

  bool operator==(const SideConfig&) const = default;
};

struct Config {
  // tlshd's levels of chatter: checked, and without effect. One line a
  // handshake has it all.
  int log_level = 0;
  int tls_level = 0;
  int netlink_level = 0;
  std::vector<std::string> keyrings;  // names, beside the kernel's own
  // Of the PSKs whose identity does not say it: not a key of tlshd.
  HashAlgorithm psk_hash = HashAlgorithm::kSha256;
  SideConfig client;
  SideConfig server;
  std::vector<std::string> ignored;  // "[group] key", without a meaning here

  bool operator==(const Config&) const = default;
};

// Errors: kConfigUnusable, with GLib's words: the text is no key file, or a
//         number is none; or a value is none of those that its key takes.
std::variant<Config, Problem> ParseConfig(std::string_view text);

// Reads and parses `path`; an absent file is a problem.
std::variant<Config, Problem> LoadConfig(const std::string& path);

// Where tlshd keeps its configuration: the old place wins while it exists.
std::string DefaultConfigPath();

}  // namespace ktlsd::agent
