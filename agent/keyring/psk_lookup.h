// The kernel's PSKs by serial and by identity.
//
// Scope:     a PSK is a key of type "psk" whose description is its identity.
//            Identities that a peer sent are compared here, all their bytes,
//            with the description of each key in a keyring.
// Layer:     agent/keyring; no I/O but through Keyrings.
// Threads:   thread-compatible.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/keyring/keyrings.h"
#include "agent/netlink/request.h"
#include "base/bytes.h"
#include "base/hkdf.h"
#include "base/result.h"

namespace ktlsd::agent {

// A PSK without its key.
struct NamedPsk {
  KeySerial serial = 0;
  Bytes identity;
  HashAlgorithm hash{};
};

class PskLookup {
 public:
  // `keyrings` must outlive this.
  explicit PskLookup(Keyrings& keyrings) : keyrings_(keyrings) {}

  // Of the PSKs whose identity does not say it: SHA-256 at first (RFC 8446
  // section 4.2.11).
  void SetDefaultHash(HashAlgorithm hash) { default_hash_ = hash; }

  // Errors: kKeyUnavailable no such key, or it is not ours to read
  //         kKeyRejected    revoked, expired, not of type "psk", or of a size
  //                         that does not fit what its identity says
  //         kNoMemory, kSystemFailed  the next attempt may work
  Result<NamedPsk> Resolve(KeySerial serial);

  struct Found {
    std::size_t index;  // of `identities`
    NamedPsk psk;
  };
  // The first of `identities` that is that of a key of `keyrings`, usable and
  // for one of `hashes`. An empty identity is nobody's.
  // Errors: as Resolve of the first one that is there and cannot be used;
  //         kNoCommonCipherSuite when its hash is none of `hashes`;
  //         kNoMemory, kSystemFailed when nothing was found and not all could
  //         be looked at
  Result<std::optional<Found>> FindIn(std::span<const KeySerial> keyrings,
                                      std::span<const Bytes> identities,
                                      std::span<const HashAlgorithm> hashes);
  // The same, of `keys`.
  Result<std::optional<Found>> FindAmong(std::span<const KeySerial> keys,
                                         std::span<const Bytes> identities,
                                         std::span<const HashAlgorithm> hashes);

 private:
  using Known = std::map<KeySerial, std::string>;  // "" is no PSK
  Result<std::string> IdentityOf(KeySerial key, Known& seen);

  Keyrings& keyrings_;
  HashAlgorithm default_hash_ = HashAlgorithm::kSha256;
  // Of the last search: a key keeps its description as long as it lives.
  Known known_;
};

}  // namespace ktlsd::agent
