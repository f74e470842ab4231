#include "handshake/key_schedule.h"

#include <string_view>
#include <utility>

#include "base/key_access.h"

namespace ktlsd::handshake {
namespace {

// Derive-Secret(secret, label, messages), RFC 8446 section 7.1.
Result<HashSecret> DeriveSecret(HashAlgorithm algorithm,
                                const HashSecret& secret,
                                std::string_view label,
                                const HashValue& messages) {
  if (messages.view().size() != HashSize(algorithm)) {
    return Error{Code::kApiMisuse, "a hash of another algorithm"};
  }
  return HkdfExpandLabel(algorithm, secret, label, messages.view(),
                         HashSize(algorithm));
}

// From one stage's secret and the next input to the next stage's secret.
Result<HashSecret> NextStage(HashAlgorithm algorithm, const HashSecret& secret,
                             ByteView input) {
  ASSIGN_OR_RETURN(const HashValue nothing, Hash(algorithm, ByteView()));
  ASSIGN_OR_RETURN(const HashSecret derived,
                   DeriveSecret(algorithm, secret, "derived", nothing));
  return HkdfExtract(algorithm, derived, input);
}

Result<TrafficSecrets> Traffic(HashAlgorithm algorithm,
                               const HashSecret& secret,
                               std::string_view client_label,
                               std::string_view server_label,
                               const HashValue& messages) {
  ASSIGN_OR_RETURN(HashSecret client,
                   DeriveSecret(algorithm, secret, client_label, messages));
  ASSIGN_OR_RETURN(HashSecret server,
                   DeriveSecret(algorithm, secret, server_label, messages));
  return TrafficSecrets{std::move(client), std::move(server)};
}

}  // namespace

Result<EarlySchedule> EarlySchedule::WithoutPsk(HashAlgorithm algorithm) {
  ASSIGN_OR_RETURN(HashSecret early,
                   HkdfExtract(algorithm, HashSecret(), ByteView()));
  return EarlySchedule(algorithm, std::move(early));
}

Result<EarlySchedule> EarlySchedule::WithPsk(HashAlgorithm algorithm,
                                             ByteView psk) {
  if (psk.empty()) {
    // HKDF would take it for zeros: the secret of a handshake without PSK.
    return Error{Code::kApiMisuse, "an empty PSK"};
  }
  ASSIGN_OR_RETURN(HashSecret early, HkdfExtract(algorithm, HashSecret(), psk));
  return EarlySchedule(algorithm, std::move(early));
}

Result<HashSecret> EarlySchedule::ExternalBinderKey() const {
  ASSIGN_OR_RETURN(const HashValue nothing, Hash(algorithm_, ByteView()));
  return DeriveSecret(algorithm_, secret_, "ext binder", nothing);
}

Result<HandshakeSchedule> EarlySchedule::Advance(const SharedSecret& ecdhe) && {
  if (ecdhe.empty()) {
    // HKDF would take it for zeros: no key agreement at all.
    return Error{Code::kApiMisuse, "no shared secret"};
  }
  const HashSecret early = std::move(secret_);
  ASSIGN_OR_RETURN(HashSecret next,
                   NextStage(algorithm_, early, ecdhe.Reveal(KeyAccess())));
  return HandshakeSchedule(algorithm_, std::move(next));
}

Result<HandshakeSchedule> HandshakeSchedule::FromSecret(
    HashAlgorithm algorithm, HashSecret handshake_secret) {
  if (handshake_secret.size() != HashSize(algorithm)) {
    return Error{Code::kApiMisuse, "a handshake secret of another hash"};
  }
  return HandshakeSchedule(algorithm, std::move(handshake_secret));
}

Result<TrafficSecrets> HandshakeSchedule::Traffic(
    const HashValue& hello_hash) const {
  return handshake::Traffic(algorithm_, secret_, "c hs traffic", "s hs traffic",
                            hello_hash);
}

Result<ApplicationSchedule> HandshakeSchedule::Advance() && {
  const HashSecret handshake = std::move(secret_);
  ASSIGN_OR_RETURN(HashSecret next,
                   NextStage(algorithm_, handshake, ByteView()));
  return ApplicationSchedule(algorithm_, std::move(next));
}

Result<TrafficSecrets> ApplicationSchedule::Traffic(
    const HashValue& finished_hash) const {
  return handshake::Traffic(algorithm_, secret_, "c ap traffic", "s ap traffic",
                            finished_hash);
}

Result<HashSecret> ApplicationSchedule::ExporterMaster(
    const HashValue& finished_hash) const {
  return DeriveSecret(algorithm_, secret_, "exp master", finished_hash);
}

Status ExportKeyingMaterial(HashAlgorithm algorithm,
                            const HashSecret& exporter_master,
                            std::string_view label, ByteView context,
                            std::span<uint8_t> out) {
  ASSIGN_OR_RETURN(const HashValue nothing, Hash(algorithm, ByteView()));
  ASSIGN_OR_RETURN(const HashSecret secret,
                   DeriveSecret(algorithm, exporter_master, label, nothing));
  ASSIGN_OR_RETURN(const HashValue context_hash, Hash(algorithm, context));
  return HkdfExpandLabelInto(algorithm, secret, "exporter", context_hash.view(),
                             out);
}

Result<HashSecret> FinishedMac(HashAlgorithm algorithm,
                               const HashSecret& traffic_secret,
                               const HashValue& transcript_hash) {
  if (transcript_hash.view().size() != HashSize(algorithm)) {
    return Error{Code::kApiMisuse, "a hash of another algorithm"};
  }
  ASSIGN_OR_RETURN(const HashSecret finished_key,
                   HkdfExpandLabel(algorithm, traffic_secret, "finished",
                                   ByteView(), HashSize(algorithm)));
  return Hmac(algorithm, finished_key, transcript_hash.view());
}

}  // namespace ktlsd::handshake
