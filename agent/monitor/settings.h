// What serves each kind of handshake: which trust, which credential.
//
// Scope:     values; made by resources.h, used by plan.h.
// Layer:     agent/monitor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/config/config.h"
#include "agent/ipc/wire_types.h"
#include "agent/upcall/consumer.h"

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

  bool settled() const {
    return !std::holds_alternative<Loading>(trust) &&
           !std::holds_alternative<Loading>(credential);
  }
  bool sound() const {
    return settled() && !std::holds_alternative<Problem>(trust) &&
           !std::holds_alternative<Problem>(credential);
  }
};

// The settings of one group of the configuration, and whom they are for.
struct Profile {
  std::string name;  // of the group: "authenticate.client", "peer.backup"
  Side side{};
  std::optional<Consumer> consumer;  // none: everybody of the side
  std::vector<PeerPattern> match;    // none: all peers
  SideSettings settings;

  // Whether the other is for the same handshakes.
  bool SameScope(const Profile& other) const {
    return name == other.name && side == other.side &&
           consumer == other.consumer && match == other.match;
  }
};

// The most specific of `profiles` for a handshake of `consumer` with `peer`;
// the general one of `side` where no other is for it. Null if that is missing.
const Profile* ChooseProfile(const std::vector<Profile>& profiles, Side side,
                             Consumer consumer,
                             const std::optional<handshake::ServerName>& peer);

}  // namespace ktlsd::agent
