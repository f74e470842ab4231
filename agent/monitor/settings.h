// What serves each kind of handshake: which trust, which credential.
//
// Scope:     values; made by resources.h, used by plan.h.
// Layer:     agent/monitor.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/config/config.h"
#include "agent/ipc/wire_types.h"
#include "agent/upcall/consumer.h"
#include "base/session_keys.h"
#include "handshake/server_name.h"
#include "handshake/wire.h"

namespace ktlsd::agent {

struct Absent {};  // none is configured
struct Loading {   // jobs that need it wait
  uint64_t id = 0;
  std::string file;
};
struct Loaded {
  uint64_t id = 0;
};
using Slot = std::variant<Absent, Loading, Loaded, Problem>;

struct SideSettings {
  Slot trust = Loading();
  Slot credential = Loading();
  Slot pq_credential = Loading();  // shown to peers that can verify it
  std::optional<Problem> problem;  // with something else
  std::optional<std::vector<CipherSuite>> suites;  // none: all, as we prefer
  std::vector<handshake::NamedGroup> groups;       // the same
  bool require_alpn = false;
  std::optional<std::chrono::seconds> peer_key;  // see SideConfig

  bool settled() const {
    return !std::holds_alternative<Loading>(trust) &&
           !std::holds_alternative<Loading>(credential) &&
           !std::holds_alternative<Loading>(pq_credential);
  }
  bool sound() const {
    return settled() && !problem.has_value() &&
           !std::holds_alternative<Problem>(trust) &&
           !std::holds_alternative<Problem>(credential) &&
           !std::holds_alternative<Problem>(pq_credential);
  }
};

// Whether a group of the configuration says anything.
enum class Standing : uint8_t {
  kUnread,  // it was not read yet: whatever it would serve waits
  kRead,
  kNone,  // it says nothing on purpose, and refuses
};

// The settings of one group of the configuration, and whom they are for.
struct Profile {
  std::string name;  // of the group: "authenticate.client", "peer.backup"
  Side side{};
  std::optional<Consumer> consumer;  // none: everybody of the side
  std::vector<PeerPattern> match;    // none: all peers
  SideSettings settings;
  // Names of other network namespaces that it is for; none: the daemon's own.
  std::vector<std::string> netns = {};
  std::string netns_group = "";  // of the configuration, which has these names
  // As in NetnsConfig, of that group.
  bool request_keys = false;
  std::vector<std::string> keyrings = {};
  Standing standing = Standing::kUnread;

  // Whether it is for handshakes in this network namespace; "" is the daemon's
  // own.
  bool Serves(const std::string& netns_name) const;
  // Whether the other is for the same handshakes.
  bool SameScope(const Profile& other) const {
    return name == other.name && side == other.side &&
           consumer == other.consumer && match == other.match &&
           netns == other.netns && netns_group == other.netns_group;
  }
};

// What a handshake is, as far as profiles differ by it.
struct Occasion {
  std::string netns;  // "": the daemon's own network namespace
  Side side{};
  Consumer consumer{};
  std::optional<handshake::ServerName> peer;
};

// The most specific of `profiles` for a handshake in the daemon's own network
// namespace; the general one of its side where no other is for it. In another
// namespace the first one that names it. Null if there is none.
const Profile* ChooseProfile(const std::vector<Profile>& profiles,
                             const Occasion& occasion);

}  // namespace ktlsd::agent
