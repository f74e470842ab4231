// The keys allow.san, allow.subject and allow.fingerprint: which clients may
// come, of those whose certificates are valid.
//
// Scope:     text in, entries in the form that certificates are compared with
//            out.
// Layer:     agent/config.
// Threads:   value type.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/key_file.h"
#include "handshake/allow_list.h"

namespace ktlsd::agent {

struct AllowedPeer {
  handshake::AllowedBy by{};
  std::string value;  // as handshake::AllowedBy says

  bool operator==(const AllowedPeer&) const = default;
};

// Of one list, which is one message to the verifier.
inline constexpr std::size_t kMaxAllowedPeers = 1024;
inline constexpr std::size_t kMaxAllowedPeersBytes = 40U << 10;

bool IsAllowKey(std::string_view key);

// The entries of all three keys of `group`; nothing where it has none of them.
// A list that is empty, and an entry of no kind, is a problem.
std::optional<std::vector<AllowedPeer>> ReadAllowedPeers(
    KeyFile& file, const std::string& group);

}  // namespace ktlsd::agent
