// The groups [netns.NAME]: other network namespaces, each with an identity and
// trust of its own.
//
// Scope:     reads and checks [netns.NAME], [netns.NAME.client] and
//            [netns.NAME.server]. Nothing is inherited, neither from the
//            general groups nor from the system: a container must not borrow
//            what is the host's.
// Layer:     agent/config.
// Threads:   value types.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/key_file.h"
#include "agent/config/side_config.h"

namespace ktlsd::agent {

inline constexpr std::size_t kMaxNetnsGroups = 32;
inline constexpr std::size_t kMaxNetnsPatterns = 64;  // of one group
inline constexpr std::size_t kMaxNetnsKeyrings = 8;   // the same

struct NetnsConfig {
  std::string name;                // of its group: "netns.tenants"
  std::vector<std::string> match;  // names, with *, ? and [] as in fnmatch(3)
  // Whether keys count that a request from there names: serials are those of
  // the whole machine, the host's among them.
  bool request_keys = false;
  // Names of those in which PSKs of clients are looked for, and nowhere else.
  std::vector<std::string> keyrings;
  // A side without settings is refused.
  std::optional<SideConfig> client;
  std::optional<SideConfig> server;

  bool operator==(const NetnsConfig&) const = default;
};

// Also one that is misspelt: ReadNetns complains about it then.
bool IsNetnsGroup(std::string_view group);

// In the order of the text, which is the order in which they are asked.
// `tls` is what [tls] says, which holds there too; `hosts` are the keyrings of
// [authenticate], which no namespace may have. Problems are noted in `file`.
std::vector<NetnsConfig> ReadNetns(KeyFile& file, const SideConfig& tls,
                                   const std::vector<std::string>& hosts);

}  // namespace ktlsd::agent
