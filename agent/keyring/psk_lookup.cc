#include "agent/keyring/psk_lookup.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace ktlsd::agent {
namespace {

constexpr std::string_view kPskType = "psk";
// Of all keyrings of one search; each is described once while it is there.
constexpr std::size_t kMaxKeys = 4096;

Bytes BytesOf(std::string_view text) { return Bytes(text.begin(), text.end()); }

bool Same(std::string_view description, const Bytes& identity) {
  return !identity.empty() && description.size() == identity.size() &&
         std::equal(
             identity.begin(), identity.end(), description.begin(),
             [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); });
}

// Says nothing about the key.
bool MayPass(const Error& error) {
  return Describe(error.code).disposition == Disposition::kTransient;
}

}  // namespace

Result<NamedPsk> PskLookup::Resolve(KeySerial serial) {
  ASSIGN_OR_RETURN(const KeyFacts facts, keyrings_.Describe(serial));
  if (facts.type != kPskType) {
    return Error{Code::kKeyRejected, "a key of the request is no PSK"};
  }
  if (facts.description.empty()) {
    return Error{Code::kKeyRejected, "a PSK has no identity"};
  }
  ASSIGN_OR_RETURN(const handshake::PskKey key, keyrings_.ReadPsk(serial));
  Bytes identity = BytesOf(facts.description);
  ASSIGN_OR_RETURN(const std::optional<HashAlgorithm> hash,
                   handshake::NvmePskHash(identity, key.size()));
  return NamedPsk{serial, std::move(identity), hash.value_or(default_hash_)};
}

// Errors: what may pass, which is not remembered.
Result<std::string> PskLookup::IdentityOf(KeySerial key, Known& seen) {
  if (auto known = known_.extract(key)) {
    return seen.insert(std::move(known)).position->second;
  }
  if (const auto known = seen.find(key); known != seen.end()) {
    return known->second;
  }
  const Result<KeyFacts> facts = keyrings_.Describe(key);
  if (!facts.ok() && MayPass(facts.error())) {
    return facts.error();
  }
  const bool psk = facts.ok() && facts->type == kPskType;
  return seen[key] = psk ? facts->description : "";
}

Result<std::optional<PskLookup::Found>> PskLookup::FindIn(
    std::span<const KeySerial> keyrings, std::span<const Bytes> identities,
    std::span<const HashAlgorithm> hashes) {
  std::vector<KeySerial> keys;
  std::optional<Error> trouble;
  for (const KeySerial keyring : keyrings) {
    const Result<std::vector<KeySerial>> listed = keyrings_.List(keyring);
    if (listed.ok()) {
      keys.insert(keys.end(), listed->begin(), listed->end());
    } else if (MayPass(listed.error())) {
      trouble = listed.error();
    }
  }
  Result<std::optional<Found>> found = FindAmong(keys, identities, hashes);
  if (found.ok() && !found->has_value() && trouble.has_value()) {
    return *trouble;
  }
  return found;
}

Result<std::optional<PskLookup::Found>> PskLookup::FindAmong(
    std::span<const KeySerial> keys, std::span<const Bytes> identities,
    std::span<const HashAlgorithm> hashes) {
  std::vector<KeySerial> matches(identities.size(), 0);
  Known seen;
  std::optional<Error> trouble;
  for (const KeySerial key : keys.first(std::min(keys.size(), kMaxKeys))) {
    const Result<std::string> description = IdentityOf(key, seen);
    if (!description.ok()) {
      trouble = description.error();
      continue;
    }
    for (std::size_t i = 0; i < identities.size(); ++i) {
      if (matches[i] == 0 && Same(*description, identities[i])) {
        matches[i] = key;
      }
    }
  }
  known_ = std::move(seen);
  for (std::size_t i = 0; i < identities.size(); ++i) {
    if (matches[i] == 0) {
      continue;
    }
    Result<NamedPsk> psk = Resolve(matches[i]);
    if (psk.ok() && psk->identity != identities[i]) {
      // Another key got the serial of one that is gone; the next search will
      // know it.
      known_.erase(matches[i]);
      continue;
    }
    if (psk.ok() && std::ranges::count(hashes, psk->hash) == 0) {
      psk = Error{Code::kNoCommonCipherSuite,
                  "the peer offers no cipher suite of the PSK's hash"};
    }
    if (psk.ok()) {
      return std::optional(Found{i, std::move(psk).value()});
    }
    trouble = trouble.value_or(psk.error());
  }
  if (trouble.has_value()) {
    return *trouble;
  }
  return std::optional<Found>();
}

}  // namespace ktlsd::agent
