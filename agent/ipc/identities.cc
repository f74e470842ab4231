#include "agent/ipc/identities.h"

#include <utility>

namespace ktlsd::agent {
namespace {

constexpr std::size_t kLengthSize = 2;  // bytes

}  // namespace

void AppendIdentity(ByteView identity, Bytes& payload) {
  if (identity.size() > kMaxIdentityBytes) {
    identity = {};
  }
  payload.push_back(static_cast<uint8_t>(identity.size() >> 8));
  payload.push_back(static_cast<uint8_t>(identity.size()));
  payload.insert(payload.end(), identity.begin(), identity.end());
}

Result<std::vector<Bytes>> ParseIdentities(ByteView payload,
                                           std::size_t count) {
  constexpr Error kMalformed = {Code::kApiMisuse,
                                "a malformed list of identities"};
  std::vector<Bytes> identities;
  for (std::size_t i = 0; i < count; ++i) {
    if (payload.size() < kLengthSize) {
      return kMalformed;
    }
    const std::size_t size = std::size_t{payload[0]} << 8 | payload[1];
    payload = payload.subspan(kLengthSize);
    if (size > kMaxIdentityBytes || size > payload.size()) {
      return kMalformed;
    }
    identities.emplace_back(payload.begin(),
                            payload.begin() + static_cast<ptrdiff_t>(size));
    payload = payload.subspan(size);
  }
  if (!payload.empty()) {
    return kMalformed;
  }
  return identities;
}

WirePskHash ToWire(HashAlgorithm hash) {
  return hash == HashAlgorithm::kSha256 ? WirePskHash::kSha256
                                        : WirePskHash::kSha384;
}

HashAlgorithm FromWire(WirePskHash hash) {
  return hash == WirePskHash::kSha256 ? HashAlgorithm::kSha256
                                      : HashAlgorithm::kSha384;
}

}  // namespace ktlsd::agent
