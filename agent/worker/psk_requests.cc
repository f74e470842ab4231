#include "agent/worker/psk_requests.h"

#include <algorithm>
#include <utility>

#include "agent/ipc/identities.h"
#include "base/key_access.h"

namespace ktlsd::agent {
namespace {

uint8_t Wants(std::span<const HashAlgorithm> hashes, HashAlgorithm hash) {
  return std::ranges::count(hashes, hash) > 0 ? 1 : 0;
}

}  // namespace

Status SendChoiceRequest(Link& monitor, JobId job,
                         const handshake::OfferedPsks& offered,
                         std::span<const HashAlgorithm> hashes) {
  ChoiceRequest request;
  request.job = job;
  request.sha256 = Wants(hashes, HashAlgorithm::kSha256);
  request.sha384 = Wants(hashes, HashAlgorithm::kSha384);
  Bytes payload;
  for (const handshake::PskIdentity& psk : offered.identities) {
    const std::size_t before = payload.size();
    AppendIdentity(psk.identity, payload);
    if (payload.size() > kMaxIdentitiesBytes ||
        request.identities == kMaxOfferedPsks) {
      payload.resize(before);
      break;
    }
    ++request.identities;
  }
  return monitor.Send(request, payload);
}

Status SendBinderRequest(Link& monitor, JobId job, std::size_t index,
                         const handshake::PskBinderRequest& request) {
  BinderRequest message;
  message.job = job;
  message.index = static_cast<uint8_t>(index);
  message.hash = ToWire(request.hash);
  message.transcript_hash = WireHash::Of(request.transcript_hash.view());
  return monitor.Send(message);
}

Status SendPskProofRequest(Link& monitor, JobId job,
                           const handshake::PskProof& proof) {
  PskProofRequest message;
  message.job = job;
  message.hash = ToWire(proof.claim.hash);
  message.transcript_hash = WireHash::Of(proof.claim.transcript_hash.view());
  message.binder = WireHash::Of(proof.binder);
  return monitor.Send(message);
}

Status SendSecretRequest(Link& monitor, JobId job, std::size_t index,
                         const handshake::PskSecretRequest& request) {
  SecretRequest message;
  message.job = job;
  message.index = static_cast<uint8_t>(index);
  message.hash = ToWire(request.hash);
  return monitor.Send(message, request.ecdhe.Reveal(KeyAccess()));
}

Result<std::optional<handshake::PskChoice>> ChoiceOf(const ChoiceReply& reply) {
  if (!reply.outcome.ok()) {
    return Error{reply.outcome.code(), "the monitor chose no PSK"};
  }
  if (reply.chosen == 0) {
    return std::optional<handshake::PskChoice>();
  }
  return std::optional(handshake::PskChoice{reply.index, FromWire(reply.hash)});
}

Status PskVerdictOf(const PskProofReply& reply) {
  if (reply.outcome.ok()) {
    return Ok{};
  }
  const Code code = reply.outcome.code();
  return Error{code, code == Code::kBadPskBinder
                         ? "the client's binder is wrong"
                         : "the monitor could not use the PSK"};
}

Result<HashSecret> HashSecretOf(Outcome outcome, ByteView payload) {
  if (!outcome.ok()) {
    return Error{outcome.code(), "the monitor could not use the PSK"};
  }
  return HashSecret(KeyAccess(), payload);
}

Result<std::vector<handshake::PskName>> PsksOf(const Job& job,
                                               ByteView payload) {
  ASSIGN_OR_RETURN(std::vector<Bytes> identities,
                   ParseIdentities(payload, job.psks()));
  std::vector<handshake::PskName> psks;
  psks.reserve(identities.size());
  for (std::size_t i = 0; i < identities.size(); ++i) {
    psks.push_back({std::move(identities[i]), FromWire(job.psk_hashes[i])});
  }
  return psks;
}

}  // namespace ktlsd::agent
