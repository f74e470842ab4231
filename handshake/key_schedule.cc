#include "handshake/key_schedule.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/key_access.h"

namespace ktlsd::handshake {
namespace {

constexpr std::size_t kMaxHash = 48;  // bytes

// Transcript-Hash of nothing; with it, what "derived" gives of the Early Secret
// without a PSK. Both are the same in every handshake.
struct Constants {
  HashAlgorithm algorithm;
  std::array<uint8_t, kMaxHash> nothing;
  std::array<uint8_t, kMaxHash> derived_without_psk;
};
constexpr std::array<Constants, 2> kConstants = {{
    {HashAlgorithm::kSha256,
     {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
      0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
      0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55},
     {0x6f, 0x26, 0x15, 0xa1, 0x08, 0xc7, 0x02, 0xc5, 0x67, 0x8f, 0x54,
      0xfc, 0x9d, 0xba, 0xb6, 0x97, 0x16, 0xc0, 0x76, 0x18, 0x9c, 0x48,
      0x25, 0x0c, 0xeb, 0xea, 0xc3, 0x57, 0x6c, 0x36, 0x11, 0xba}},
    {HashAlgorithm::kSha384,
     {0x38, 0xb0, 0x60, 0xa7, 0x51, 0xac, 0x96, 0x38, 0x4c, 0xd9, 0x32, 0x7e,
      0xb1, 0xb1, 0xe3, 0x6a, 0x21, 0xfd, 0xb7, 0x11, 0x14, 0xbe, 0x07, 0x43,
      0x4c, 0x0c, 0xc7, 0xbf, 0x63, 0xf6, 0xe1, 0xda, 0x27, 0x4e, 0xde, 0xbf,
      0xe7, 0x6f, 0x65, 0xfb, 0xd5, 0x1a, 0xd2, 0xf1, 0x48, 0x98, 0xb9, 0x5b},
     {0x15, 0x91, 0xda, 0xc5, 0xcb, 0xbf, 0x03, 0x30, 0xa4, 0xa8, 0x4d, 0xe9,
      0xc7, 0x53, 0x33, 0x0e, 0x92, 0xd0, 0x1f, 0x0a, 0x88, 0x21, 0x4b, 0x44,
      0x64, 0x97, 0x2f, 0xd6, 0x68, 0x04, 0x9e, 0x93, 0xe5, 0x2f, 0x2b, 0x16,
      0xfa, 0xd9, 0x22, 0xfd, 0xc0, 0x58, 0x44, 0x78, 0x42, 0x8f, 0x28, 0x2b}},
}};

const Constants& ConstantsOf(HashAlgorithm algorithm) {
  return kConstants[algorithm == HashAlgorithm::kSha384 ? 1 : 0];
}

HashValue HashOfNothing(HashAlgorithm algorithm) {
  return HashValue(
      ByteView(ConstantsOf(algorithm).nothing).first(HashSize(algorithm)));
}

// Derive-Secret(secret, label, messages), RFC 8446 section 7.1.
Result<HashSecret> DeriveSecret(HashAlgorithm algorithm, HkdfExpander& expander,
                                std::string_view label,
                                const HashValue& messages) {
  if (messages.view().size() != HashSize(algorithm)) {
    return Error{Code::kApiMisuse, "a hash of another algorithm"};
  }
  return expander.Expand(label, messages.view(), HashSize(algorithm));
}
Result<HashSecret> DeriveSecret(HashAlgorithm algorithm,
                                const HashSecret& secret,
                                std::string_view label,
                                const HashValue& messages) {
  ASSIGN_OR_RETURN(HkdfExpander expander,
                   HkdfExpander::Create(algorithm, secret));
  return DeriveSecret(algorithm, expander, label, messages);
}

// What the next stage's secret is extracted with.
Result<HashSecret> Derived(HashAlgorithm algorithm, HkdfExpander& expander) {
  return DeriveSecret(algorithm, expander, "derived", HashOfNothing(algorithm));
}

Result<TrafficSecrets> DeriveTraffic(HashAlgorithm algorithm,
                                     HkdfExpander& expander,
                                     std::string_view client_label,
                                     std::string_view server_label,
                                     const HashValue& messages) {
  ASSIGN_OR_RETURN(HashSecret client,
                   DeriveSecret(algorithm, expander, client_label, messages));
  ASSIGN_OR_RETURN(HashSecret server,
                   DeriveSecret(algorithm, expander, server_label, messages));
  return TrafficSecrets{std::move(client), std::move(server)};
}

}  // namespace

Result<EarlySchedule> EarlySchedule::WithPsk(HashAlgorithm algorithm,
                                             ByteView psk) {
  if (psk.empty()) {
    // HKDF would take it for zeros: the secret of a handshake without PSK.
    return Error{Code::kApiMisuse, "an empty PSK"};
  }
  ASSIGN_OR_RETURN(HashSecret early, HkdfExtract(algorithm, HashSecret(), psk));
  return EarlySchedule(algorithm, std::move(early));
}

Result<HashSecret> EarlySchedule::ExternalBinderFinishedKey() const {
  ASSIGN_OR_RETURN(const HashSecret key,
                   DeriveSecret(algorithm_, secret_, "ext binder",
                                HashOfNothing(algorithm_)));
  ASSIGN_OR_RETURN(HkdfExpander expander,
                   HkdfExpander::Create(algorithm_, key));
  return FinishedKey(expander);
}

Result<HandshakeSchedule> EarlySchedule::Advance(const SharedSecret& ecdhe) && {
  const HashSecret early = std::move(secret_);
  ASSIGN_OR_RETURN(HkdfExpander expander,
                   HkdfExpander::Create(algorithm_, early));
  ASSIGN_OR_RETURN(const HashSecret derived, Derived(algorithm_, expander));
  return HandshakeSchedule::Extract(algorithm_, derived, ecdhe);
}

Result<HandshakeSchedule> HandshakeSchedule::Extract(
    HashAlgorithm algorithm, const HashSecret& derived,
    const SharedSecret& ecdhe) {
  if (ecdhe.empty()) {
    // HKDF would take it for zeros: no key agreement at all.
    return Error{Code::kApiMisuse, "no shared secret"};
  }
  ASSIGN_OR_RETURN(HashSecret secret,
                   HkdfExtract(algorithm, derived, ecdhe.Reveal(KeyAccess())));
  return HandshakeSchedule(algorithm, std::move(secret));
}

Result<HandshakeSchedule> HandshakeSchedule::WithoutPsk(
    HashAlgorithm algorithm, const SharedSecret& ecdhe) {
  const HashSecret derived(KeyAccess(),
                           ByteView(ConstantsOf(algorithm).derived_without_psk)
                               .first(HashSize(algorithm)));
  return Extract(algorithm, derived, ecdhe);
}

Result<HandshakeSchedule> HandshakeSchedule::FromSecret(
    HashAlgorithm algorithm, HashSecret handshake_secret) {
  if (handshake_secret.size() != HashSize(algorithm)) {
    return Error{Code::kApiMisuse, "a handshake secret of another hash"};
  }
  return HandshakeSchedule(algorithm, std::move(handshake_secret));
}

Result<HandshakeSecrets> HandshakeSchedule::Derive(
    const HashValue& hello_hash) && {
  const HashSecret handshake = std::move(secret_);
  ASSIGN_OR_RETURN(HkdfExpander expander,
                   HkdfExpander::Create(algorithm_, handshake));
  ASSIGN_OR_RETURN(TrafficSecrets traffic,
                   DeriveTraffic(algorithm_, expander, "c hs traffic",
                                 "s hs traffic", hello_hash));
  ASSIGN_OR_RETURN(const HashSecret derived, Derived(algorithm_, expander));
  ASSIGN_OR_RETURN(HashSecret master,
                   HkdfExtract(algorithm_, derived, ByteView()));
  return HandshakeSecrets{std::move(traffic),
                          ApplicationSchedule(algorithm_, std::move(master))};
}

Result<ApplicationSecrets> ApplicationSchedule::Derive(
    const HashValue& finished_hash) && {
  const HashSecret master = std::move(secret_);
  ASSIGN_OR_RETURN(HkdfExpander expander,
                   HkdfExpander::Create(algorithm_, master));
  ASSIGN_OR_RETURN(TrafficSecrets traffic,
                   DeriveTraffic(algorithm_, expander, "c ap traffic",
                                 "s ap traffic", finished_hash));
  ASSIGN_OR_RETURN(
      HashSecret exporter_master,
      DeriveSecret(algorithm_, expander, "exp master", finished_hash));
  return ApplicationSecrets{std::move(traffic), std::move(exporter_master)};
}

Status ExportKeyingMaterial(HashAlgorithm algorithm,
                            const HashSecret& exporter_master,
                            std::string_view label, ByteView context,
                            std::span<uint8_t> out) {
  ASSIGN_OR_RETURN(const HashSecret secret,
                   DeriveSecret(algorithm, exporter_master, label,
                                HashOfNothing(algorithm)));
  ASSIGN_OR_RETURN(const HashValue context_hash, Hash(algorithm, context));
  return HkdfExpandLabelInto(algorithm, secret, "exporter", context_hash.view(),
                             out);
}

Result<HashSecret> FinishedKey(HkdfExpander& base) {
  return base.Expand("finished", ByteView(), HashSize(base.algorithm()));
}

Result<HashSecret> FinishedMac(HashAlgorithm algorithm,
                               const HashSecret& finished_key,
                               const HashValue& transcript_hash) {
  if (transcript_hash.view().size() != HashSize(algorithm)) {
    return Error{Code::kApiMisuse, "a hash of another algorithm"};
  }
  return Hmac(algorithm, finished_key, transcript_hash.view());
}

}  // namespace ktlsd::handshake
