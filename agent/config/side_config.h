// What may be set for one side of handshakes, or for a section of peers.
//
// Scope:     values, how they are read, and how a section inherits.
// Layer:     agent/config.
// Threads:   value type.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/allowed_peers.h"
#include "agent/config/key_file.h"
#include "base/session_keys.h"
#include "handshake/wire.h"

namespace ktlsd::agent {

// A key that is there but empty names a file that cannot be used; it is not
// the same as no key.
struct SideConfig {
  std::optional<std::string> truststore;
  std::optional<std::string> crl;
  std::optional<std::string> certificate;
  std::optional<std::string> private_key;
  // A second certificate, with a post-quantum key (ML-DSA), for peers that can
  // verify it.
  std::optional<std::string> pq_certificate;
  std::optional<std::string> pq_private_key;
  // Of clients: who may come. Nothing: everybody with a valid certificate.
  std::optional<std::vector<AllowedPeer>> allowed;
  // Whether the peer's certificate must be one for RPC with TLS (RFC 9289
  // section 5.2.1).
  std::optional<bool> rpc_certificates;
  // Whether NFS's peer must speak ALPN (RFC 9289 section 4.2).
  std::optional<bool> alpn_required;
  // Of servers, seen by us as a client: for how long the certificate of one is
  // to be a key in the kernel. Nothing: not at all.
  std::optional<std::chrono::seconds> peer_key;
  // What one connection is expected to move in one direction, in bytes.
  std::optional<uint64_t> expected_volume;
  // Best first, and nothing else; the running kernel and libcrypto may lack
  // some of them.
  std::optional<std::vector<CipherSuite>> suites;
  std::optional<std::vector<handshake::NamedGroup>> groups;

  bool operator==(const SideConfig&) const = default;
};

// Whose handshakes a group is about: clients' (of ours), or servers'.
enum class Part : uint8_t { kClient, kServer };

// Reads the keys of `group`; malformed ones, and those that the part cannot
// have, are noted in `file`.
SideConfig ReadSide(KeyFile& file, const std::string& group, Part part);
// The key `expected.volume`.
std::optional<uint64_t> ReadVolume(KeyFile& file, const std::string& group);
// Is `key` one that ReadSide reads?
bool IsSideKey(std::string_view key);

// Names a problem of `group` in `file` unless each certificate has its key.
void CheckPairs(KeyFile& file, const std::string& group,
                const SideConfig& side);

// `own`, and what it does not set as `base` has it. The certificates and their
// private keys are one thing: two of them must not tell two identities. So are
// the keys `allow.`.
SideConfig Inherit(SideConfig own, const SideConfig& base);

}  // namespace ktlsd::agent
