#include "handshake/c/engine.h"

#include <utility>
#include <variant>

#include "base/overload.h"
#include "handshake/crypto/signature.h"
#include "handshake/verdict_source.h"
#include "handshake/x509/certificate.h"
#include "handshake/x509/handles.h"

using ktlsd::Code;
using ktlsd::Error;
using ktlsd::Ok;
using ktlsd::Result;
using ktlsd::Status;
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

ktlsd_engine::ktlsd_engine(const ktlsd_config* chosen)
    : config(chosen == nullptr ? nullptr
                               : std::make_unique<ktlsd_config>(*chosen)) {
  if (config && config->role == Role::kClient) {
    core = std::make_unique<Engine>(Engine::Client(config->Client()));
  } else {
    core = std::make_unique<Engine>(Engine::Server());
  }
}

void ktlsd_engine::Break(const Error& error) noexcept {
  core.reset();
  established.reset();
  failure = error;
}

Result<Engine*> ktlsd_engine::Running() {
  if (failure) {
    return *failure;
  }
  if (!core) {
    return Error{Code::kApiMisuse, "the handshake is over"};
  }
  return core.get();
}

Result<ktlsd_engine::Step> ktlsd_engine::Advance() {
  if (established) {
    return Step{KTLSD_DONE, 0};
  }
  RETURN_IF_ERROR(Running());
  Step step{};
  while (Answer(core->wait(), step)) {
  }
  if (failure) {
    return *failure;
  }
  if (step.wait == KTLSD_DONE) {
    RETURN_IF_ERROR(TakeSession());
  }
  return step;
}

bool ktlsd_engine::Answer(const Wait& wait, Step& step) {
  return std::visit(
      ktlsd::Overload{
          [&](HaveOutput) {
            step = {KTLSD_WANT_WRITE, core->output().size()};
            return false;
          },
          [&](NeedInput need) {
            step = {KTLSD_WANT_READ, need.bytes};
            return false;
          },
          [&](NeedServerConfig) {
            step = {KTLSD_WANT_CONFIG, 0};
            if (config) {
              core->Configure(config->Server());
            }
            return config != nullptr;
          },
          [&](const NeedSignature& need) {
            step = {KTLSD_WANT_SIGNATURE, 0};
            return AnswerSignature(need.request);
          },
          [&](NeedPeerVerdict need) {
            step = {KTLSD_WANT_VERDICT, 0};
            return AnswerVerdict(*need.proof);
          },
          [&](const NeedPskChoice& need) {
            core->ChoosePsk(config->psks.Choose(*need.offered, *need.hashes));
            return true;
          },
          [&](const NeedPskBinder& need) {
            core->GivePskBinder(config->psks.Binder(*need.request));
            return true;
          },
          [&](NeedPskVerdict need) {
            core->JudgePsk(config->psks.Judge(*need.proof));
            return true;
          },
          [&](const NeedPskSecret& need) {
            core->GivePskSecret(config->psks.HandshakeSecret(*need.request));
            return true;
          },
          [&](Done) {
            step = {KTLSD_DONE, 0};
            return false;
          },
          [&](const Failed& failed) {
            failure = failed.error;
            return false;
          },
      },
      wait);
}

bool ktlsd_engine::AnswerSignature(const SignatureRequest& request) {
  const OwnCertificate& own = config->certificates.at(request.certificate);
  if (own.credential) {
    core->Sign(own.credential->Sign(request.scheme, request.signer,
                                    request.transcript_hash));
    return true;
  }
  to_sign = CertificateVerifyContent(request.signer, request.transcript_hash);
  return false;
}

bool ktlsd_engine::AnswerVerdict(const PeerProof& proof) {
  peer_chain = proof.chain;
  peer_ocsp_response = proof.ocsp_response;
  if (config->verifies_itself) {
    core->Judge(Judge(proof));
    return true;
  }
  if (!proof.chain.empty()) {
    const auto leaf = ParseDerCertificate(proof.chain.front());
    peer_subject = leaf.ok() ? SubjectText(leaf->get()) : "";
  }
  return false;
}

Result<PeerVerified> ktlsd_engine::Judge(const PeerProof& proof) {
  PeerPolicy policy{};
  policy.peer = config->role == Role::kClient ? Role::kServer : Role::kClient;
  policy.now = today.value_or(ktlsd::SystemClock().Today());
  policy.stapling = config->stapling;
  policy.profile = config->profile;
  const std::optional<ServerName>& name = config->name;
  if (policy.peer == Role::kServer && name) {
    policy.names = {*name};
  }
  auto verdict = config->trust->Verify(policy, proof);
  if (auto* refusal = std::get_if<Refusal>(&verdict)) {
    peer_subject = std::move(refusal->subject);
    return refusal->error;
  }
  peer_subject = std::move(std::get<VerifiedPeer>(verdict).subject);
  return VerdictSource::Accepted();
}

Status ktlsd_engine::AcceptPeer() {
  ASSIGN_OR_RETURN(const NeedPeerVerdict need, Awaited<NeedPeerVerdict>());
  const PeerProof& proof = *need.proof;
  const Role peer =
      config->role == Role::kClient ? Role::kServer : Role::kClient;
  if (proof.chain.empty()) {
    return Error{Code::kInternal, "a proof without certificates"};
  }
  Status holds = Ok{};
  if (const auto leaf = ParseDerCertificate(proof.chain.front()); !leaf.ok()) {
    holds = leaf.error();
  } else if (config->stapling == Stapling::kRequired && !proof.ocsp_response) {
    holds = Error{Code::kOcspResponseMissing, "no OCSP response, but required"};
  } else {
    holds =
        CheckCertificateVerify(X509_get0_pubkey(leaf->get()), proof.scheme,
                               peer, proof.transcript_hash, proof.signature);
  }
  if (!holds.ok()) {
    core->Judge(holds.error());
    return holds;
  }
  core->Judge(VerdictSource::Accepted());
  return Ok{};
}

Status ktlsd_engine::Configure(const ktlsd_config& chosen) {
  RETURN_IF_ERROR(Awaited<NeedServerConfig>());
  if (chosen.role != Role::kServer) {
    return Error{Code::kApiMisuse, "a client's config for a server"};
  }
  RETURN_IF_ERROR(chosen.Check());
  config = std::make_unique<ktlsd_config>(chosen);
  core->Configure(config->Server());
  return Ok{};
}

Status ktlsd_engine::TakeSession() {
  auto session = std::move(*core).TakeSession();
  core.reset();
  if (!session.ok()) {
    failure = session.error();
    return session.error();
  }
  established =
      std::make_unique<EstablishedSession>(std::move(session).value());
  return Ok{};
}

Result<const Session*> ktlsd_engine::Finished() const {
  if (!established) {
    return Error{Code::kApiMisuse, "the handshake is not done"};
  }
  return &established->session;
}
