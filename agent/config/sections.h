// The groups [consumer.NAME] and [peer.NAME]: settings for some handshakes.
//
// Scope:     reads and checks them. They are ours, not tlshd's: nothing in them
//            is ignored, for what an administrator meant to narrow would be
//            wide open.
// Layer:     agent/config.
// Threads:   value types.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/key_file.h"
#include "agent/config/peer_pattern.h"
#include "agent/config/side_config.h"
#include "agent/upcall/consumer.h"

namespace ktlsd::agent {

// Each may need a trust store and a key of its own in verifier and keeper.
inline constexpr std::size_t kMaxSections = 64;
inline constexpr std::size_t kMaxPatterns = 256;  // of one section

struct Section {
  std::string name;  // of its group: "consumer.nfsd", "peer.backup"
  Consumer consumer{};
  std::vector<PeerPattern> match;  // none: all of the consumer's peers
  SideConfig config;               // with what it inherits

  bool operator==(const Section&) const = default;
};

// Whether a consumer's handshakes are those of a TLS client.
bool IsClient(Consumer consumer);
// Its handshakes are with pre-shared keys, never with certificates.
bool UsesPsks(Consumer consumer);

// Also one that is misspelt: ReadSections complains about it then.
bool IsSectionGroup(std::string_view group);

// Problems are noted in `file`. A section of peers inherits from that of its
// consumer, and that from `client` or `server`.
std::vector<Section> ReadSections(KeyFile& file, const SideConfig& client,
                                  const SideConfig& server);

}  // namespace ktlsd::agent
