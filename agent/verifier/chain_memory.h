// The chains of peers that came before, so that a peer that comes back costs
// no parsing and no path.
//
// Scope:     positives only, of peers that showed that they have the key. Name,
//            OCSP response and CertificateVerify are checked for every
//            handshake, remembered or not. An entry is found by a hash over all
//            that its path depends on (trust store with its CRLs, role,
//            profile, every byte of the chain), and holds only within the
//            window of time in which the store would say the same.
// Layer:     agent/verifier.
// Threads:   one.
// Design:    docs/design/peer-verification.md
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <optional>
#include <unordered_map>
#include <variant>
#include <vector>

#include "agent/ipc/wire_types.h"
#include "base/bytes.h"
#include "handshake/peer_proof.h"
#include "handshake/peer_verifier.h"

namespace ktlsd::agent {

class ChainMemory {
 public:
  // Beyond either, the entry that was not used for longest goes.
  struct Limits {
    std::size_t entries = 4096;
    std::size_t bytes = 16U << 20;  // of DER; libcrypto's form is larger
  };
  enum class Source : uint8_t { kStore, kMemory };
  struct Judged {
    std::variant<handshake::VerifiedPeer, handshake::Refusal> result;
    Source source;  // of the path
  };

  ChainMemory() = default;
  explicit ChainMemory(const Limits& limits) : limits_(limits) {}

  // As `store.Verify(policy, proof)`. `trust` is the store's id: no other store
  // ever has the same, with these CRLs or others.
  Judged Verify(TrustId trust, const handshake::TrustStore& store,
                const handshake::PeerPolicy& policy,
                const handshake::PeerProof& proof);

  // The store is gone.
  void Forget(TrustId trust);

  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  using Key = std::array<uint8_t, 32>;
  struct Entry {
    Key key;
    TrustId trust;
    handshake::VerifiedChain chain;
    std::size_t bytes;
  };
  using Entries = std::list<Entry>;  // last used first
  struct HashOfKey {
    // Any part of a hash is one.
    std::size_t operator()(const Key& key) const {
      std::size_t value = 0;
      std::memcpy(&value, key.data(), sizeof(value));
      return value;
    }
  };

  static std::optional<Key> KeyOf(TrustId trust,
                                  const handshake::PeerPolicy& policy,
                                  const std::vector<Bytes>& chain);
  const handshake::VerifiedChain* Find(const Key& key, CalendarTime now);
  void Keep(const Key& key, TrustId trust, handshake::VerifiedChain chain);
  Entries::iterator Erase(Entries::iterator entry);

  Limits limits_;
  Entries entries_;
  std::unordered_map<Key, Entries::iterator, HashOfKey> by_key_;
  std::size_t bytes_ = 0;
};

}  // namespace ktlsd::agent
