#include "handshake/local_psks.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/key_access.h"
#include "handshake/verdict_source.h"

namespace ktlsd::handshake {

Status LocalPsks::Add(ByteView identity, ByteView key,
                      std::optional<HashAlgorithm> hash) {
  if (identity.empty() || identity.size() > UINT16_MAX) {
    return Error{Code::kConfigUnusable,
                 "a PSK identity that is empty or longer than 65535 bytes"};
  }
  auto copy = std::make_shared<const PskKey>(KeyAccess(), key);
  if (copy->empty()) {
    return Error{Code::kConfigUnusable,
                 "a PSK that is empty or longer than 256 bytes"};
  }
  if (Find(identity) != nullptr) {
    return Error{Code::kConfigUnusable, "two PSKs with one identity"};
  }
  ASSIGN_OR_RETURN(const std::optional<HashAlgorithm> nvme,
                   NvmePskHash(identity, key.size()));
  if (nvme && hash && *nvme != *hash) {
    return Error{Code::kKeyRejected,
                 "a PSK for another hash than its NVMe identity names"};
  }
  const HashAlgorithm chosen =
      nvme.value_or(hash.value_or(HashAlgorithm::kSha256));
  psks_.push_back({PskName{Bytes(identity.begin(), identity.end()), chosen},
                   std::move(copy)});
  return Ok{};
}

std::vector<PskName> LocalPsks::names() const {
  std::vector<PskName> names;
  names.reserve(psks_.size());
  for (const Entry& entry : psks_) {
    names.push_back(entry.name);
  }
  return names;
}

const LocalPsks::Entry* LocalPsks::Find(ByteView identity) const {
  const auto found = std::ranges::find_if(psks_, [&](const Entry& entry) {
    return SameBytes(entry.name.identity, identity);
  });
  return found == psks_.end() ? nullptr : &*found;
}

Result<const LocalPsks::Entry*> LocalPsks::Find(ByteView identity,
                                                HashAlgorithm hash) const {
  const Entry* entry = Find(identity);
  if (entry == nullptr || entry->name.hash != hash) {
    return Error{Code::kKeyUnavailable, "no PSK of that identity and hash"};
  }
  return entry;
}

std::optional<PskChoice> LocalPsks::Choose(
    const OfferedPsks& offered, std::span<const HashAlgorithm> hashes) const {
  for (std::size_t i = 0; i < offered.identities.size(); ++i) {
    const Entry* entry = Find(offered.identities[i].identity);
    if (entry == nullptr ||
        std::ranges::find(hashes, entry->name.hash) == hashes.end()) {
      continue;
    }
    return PskChoice{i, entry->name.hash};
  }
  return std::nullopt;
}

Result<HashSecret> LocalPsks::Binder(const PskBinderRequest& request) const {
  ASSIGN_OR_RETURN(const Entry* entry, Find(request.identity, request.hash));
  return PskBinder(*entry->key, request);
}

Result<PskVerified> LocalPsks::Judge(const PskProof& proof) const {
  ASSIGN_OR_RETURN(const Entry* entry,
                   Find(proof.claim.identity, proof.claim.hash));
  RETURN_IF_ERROR(CheckPskBinder(*entry->key, proof));
  return VerdictSource::AcceptedPsk();
}

Result<HashSecret> LocalPsks::HandshakeSecret(
    const PskSecretRequest& request) const {
  ASSIGN_OR_RETURN(const Entry* entry, Find(request.identity, request.hash));
  return PskHandshakeSecret(*entry->key, request);
}

}  // namespace ktlsd::handshake
