// The configuration file, in the syntax and with the keys of tlshd, and a few
// of our own.
//
// Scope:     text in, values out. A file that a key names is opened elsewhere
//            (agent/config/files.h).
// Layer:     agent/config; GLib's GKeyFile.
// Threads:   value types.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/config/netns_config.h"
#include "agent/config/problem.h"
#include "agent/config/sections.h"
#include "agent/config/side_config.h"
#include "base/hkdf.h"

namespace ktlsd::agent {

struct Config {
  // tlshd's levels of chatter: checked, and without effect. One line a
  // handshake has it all.
  int log_level = 0;
  int tls_level = 0;
  int netlink_level = 0;
  std::vector<std::string> keyrings;  // names, beside the kernel's own
  // Of the PSKs whose identity does not say it: not a key of tlshd.
  HashAlgorithm psk_hash = HashAlgorithm::kSha256;
  // Whether sessions that are up end when their peer's certificate is accepted
  // no more.
  bool recheck_sessions = false;
  SideConfig client;  // [authenticate.client]
  SideConfig server;  // [authenticate.server]
  std::vector<Section> sections;
  std::vector<NetnsConfig> netns;  // other network namespaces
  // Whether the system's crypto policy narrows what is agreed on.
  bool system_crypto_policy = false;
  // "[group] key (line 3)", without a meaning here.
  std::vector<std::string> ignored;

  bool operator==(const Config&) const = default;
};

// The settings of each group that has some of one side, by the group's name.
struct GroupSide {
  std::string name;
  const SideConfig* side;  // within the configuration
};
std::vector<GroupSide> GroupSides(const Config& config);

// Errors: kConfigUnusable, with the line and the reason: the text is no key
//         file, a number is none, or a value is none of those that its key
//         takes.
std::variant<Config, Problem> ParseConfig(std::string_view text);

// Reads and parses `path`; an absent file is a problem.
std::variant<Config, Problem> LoadConfig(const std::string& path);

// Where tlshd keeps its configuration: the old place wins while it exists.
std::string DefaultConfigPath();

}  // namespace ktlsd::agent
