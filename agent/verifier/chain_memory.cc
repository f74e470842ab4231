#include "agent/verifier/chain_memory.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "handshake/crypto/digest.h"

namespace ktlsd::agent {

// Every field is of a fixed size or stands behind its length, so that no two
// sets of fields give the same bytes.
std::optional<ChainMemory::Key> ChainMemory::KeyOf(
    TrustId trust, const handshake::PeerPolicy& policy,
    const std::vector<Bytes>& chain) {
  ByteWriter writer;
  for (const unsigned shift : {48U, 32U, 16U, 0U}) {
    writer.U16(static_cast<uint16_t>(trust >> shift));
  }
  writer.U8(static_cast<uint8_t>(policy.peer));
  writer.U8(static_cast<uint8_t>(policy.profile));
  for (const Bytes& der : chain) {
    writer.Prefixed(3, [&] { writer.Append(der); });
  }
  const auto hash =
      handshake::Hash(handshake::HashAlgorithm::kSha256, writer.view());
  Key key{};
  if (!writer.ok() || !hash.ok() || hash->view().size() != key.size()) {
    return std::nullopt;
  }
  std::copy(hash->view().begin(), hash->view().end(), key.begin());
  return key;
}

ChainMemory::Judged ChainMemory::Verify(TrustId trust,
                                        const handshake::TrustStore& store,
                                        const handshake::PeerPolicy& policy,
                                        const handshake::PeerProof& proof) {
  const auto key = KeyOf(trust, policy, proof.chain);
  if (key) {
    if (const auto* const chain = Find(*key, policy.now)) {
      return {chain->Check(policy, proof), Source::kMemory};
    }
  }
  auto verified = store.VerifyChain(policy, proof.chain);
  if (auto* const refusal = std::get_if<handshake::Refusal>(&verified)) {
    return {std::move(*refusal), Source::kStore};
  }
  auto& chain = std::get<handshake::VerifiedChain>(verified);
  auto result = chain.Check(policy, proof);
  // Chains are public; without the key of this one nobody takes up room here.
  if (key && std::holds_alternative<handshake::VerifiedPeer>(result)) {
    Keep(*key, trust, std::move(chain));
  }
  return {std::move(result), Source::kStore};
}

const handshake::VerifiedChain* ChainMemory::Find(const Key& key,
                                                  CalendarTime now) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    return nullptr;
  }
  const auto entry = found->second;
  if (!entry->chain.window().Contains(now)) {
    Erase(entry);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return &entry->chain;
}

void ChainMemory::Keep(const Key& key, TrustId trust,
                       handshake::VerifiedChain chain) {
  const std::size_t bytes = chain.size();
  if (bytes > limits_.bytes || limits_.entries == 0) {
    return;
  }
  while (entries_.size() >= limits_.entries || bytes_ + bytes > limits_.bytes) {
    Erase(std::prev(entries_.end()));
  }
  entries_.push_front({key, trust, std::move(chain), bytes});
  by_key_[key] = entries_.begin();
  bytes_ += bytes;
}

void ChainMemory::Forget(TrustId trust) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    entry = entry->trust == trust ? Erase(entry) : std::next(entry);
  }
}

ChainMemory::Entries::iterator ChainMemory::Erase(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  by_key_.erase(entry->key);
  return entries_.erase(entry);
}

}  // namespace ktlsd::agent
