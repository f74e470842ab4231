#include "agent/verifier/verifier.h"

#include <iterator>
#include <string_view>
#include <utility>
#include <variant>

#include "agent/ipc/chain.h"
#include "agent/verifier/trust_loader.h"
#include "base/bytes.h"
#include "handshake/crypto/digest.h"
#include "handshake/server_name.h"
#include "handshake/wire.h"

namespace ktlsd::agent {
namespace {

// A job that ended a moment ago, or never began here: see messages.h.
constexpr Code kUnknownJob = Code::kDeadlineTotal;

Error Misbehaviour(std::string_view what) { return {Code::kApiMisuse, what}; }

ChainMemory::Judged Refuse(const Error& error) {
  return {handshake::Refusal{error, "", std::string(error.what)},
          ChainMemory::Source::kStore};
}

// The worker encodes what it took from the peer's messages, so a payload that
// does not parse is the worker's fault.
Result<handshake::PeerProof> ParseProof(const ProofRequest& request,
                                        ByteView payload) {
  if (request.chain_size >= payload.size() ||
      payload.size() - request.chain_size > kMaxSignatureBytes) {
    return Misbehaviour("sent a proof whose sizes do not fit");
  }
  handshake::PeerProof proof;
  ASSIGN_OR_RETURN(proof.chain, ParseChain(payload.first(request.chain_size),
                                           request.certificates));
  const ByteView signature = payload.subspan(request.chain_size);
  proof.signature.assign(signature.begin(), signature.end());
  proof.scheme = static_cast<handshake::SignatureScheme>(request.scheme);
  proof.transcript_hash = handshake::HashValue(request.transcript_hash.view());
  return proof;
}

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text += {kDigits[value >> 4], kDigits[value & 0x0f]};
  }
  return text;
}

// Refuses a peer that is verified and not in the list.
void Restrict(const AllowList& allowed, const handshake::PeerProof& proof,
              ChainMemory::Judged& judged) {
  const auto* const peer = std::get_if<handshake::VerifiedPeer>(&judged.result);
  if (peer == nullptr || allowed.empty()) {
    return;
  }
  const Status listed = allowed.Check(proof.chain.front());
  if (listed.ok()) {
    return;
  }
  std::string detail(listed.error().what);
  if (const auto hash = CertificateFingerprint(proof.chain.front());
      hash.ok()) {
    detail += " (" + Hex(*hash) + ")";
  }
  judged.result = handshake::Refusal{listed.error(), std::string(peer->subject),
                                     std::move(detail)};
}

Verdict Describe(const handshake::VerifiedPeer& peer) {
  Verdict verdict;
  verdict.outcome = Outcome::Success();
  verdict.subject = decltype(verdict.subject)::Of(peer.subject);
  return verdict;
}

Verdict Describe(const handshake::Refusal& refusal) {
  Verdict verdict;
  verdict.outcome = Outcome::Failure(refusal.error.code);
  verdict.subject = decltype(verdict.subject)::Of(refusal.subject);
  verdict.detail = decltype(verdict.detail)::Of(refusal.detail);
  return verdict;
}

}  // namespace

void Verifier::HandleMonitorMessage(const Received<FromMonitor>& received) {
  std::visit([&](const auto& message) { Handle(message, received); },
             received.message);
}

Status Verifier::HandleWorkerMessage(WorkerId worker,
                                     const Received<FromWorker>& received) {
  return Handle(worker, std::get<ProofRequest>(received.message),
                received.payload);
}

void Verifier::DropWorker(WorkerId worker) {
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    job = job->second.worker == worker ? End(job) : std::next(job);
  }
}

void Verifier::Handle(const AddWorker&, const Received<FromMonitor>&) {
  // The link is the service's; a worker without jobs is nothing to a verifier.
}

void Verifier::Handle(const TakeBell&, const Received<FromMonitor>&) {
  // The service takes it, and wakes by it.
}

void Verifier::Handle(const RemoveWorker& message,
                      const Received<FromMonitor>&) {
  DropWorker(message.worker);
}

void Verifier::Handle(const VerdictTerms& terms, const Received<FromMonitor>&) {
  for (const JobId ended : terms.ended) {
    EndIfKnown(ended);
  }
  if (jobs_.size() >= kMaxVerdictJobs || jobs_.count(terms.job) != 0) {
    return;
  }
  Job job = {terms.trust, terms.worker, terms.peer,
             std::string(terms.server_name.view())};
  job.holds = trust_.Use(terms.trust) ? Holds::kIt : Holds::kNothing;
  job.wanted = terms.wanted;
  jobs_.emplace(terms.job, std::move(job));
}

void Verifier::Handle(const LoadTrust& load,
                      const Received<FromMonitor>& received) {
  TrustLoaded loaded;
  loaded.id = load.id;
  if (trust_.Knows(load.id) || trust_.Full()) {
    loaded.outcome = Outcome::Failure(Code::kTooBusy);
    loaded.text = decltype(loaded.text)::Of("too many trust stores");
  } else {
    Result<Trust> trust = Load(load, received);
    if (trust.ok()) {
      loaded.outcome = Outcome::Success();
      loaded.anchors = static_cast<uint32_t>(trust->store.anchor_count());
    } else {
      loaded.outcome = Outcome::Failure(trust.error().code);
      loaded.text = decltype(loaded.text)::Of(trust.error().what);
    }
    trust_.Add(load.id, std::move(trust));
  }
  // A failure ends the service.
  static_cast<void>(output_.Notify(loaded));
}

Result<Verifier::Trust> Verifier::Load(const LoadTrust& load,
                                       const Received<FromMonitor>& received) {
  ASSIGN_OR_RETURN(handshake::TrustStore store,
                   LoadTrustStore(received.descriptors));
  ASSIGN_OR_RETURN(AllowList allowed,
                   ParseAllowed(received.payload, load.allowed));
  return Trust{std::move(store), std::move(allowed),
               load.rpc_certificates != 0
                   ? handshake::CertificateProfile::kRpcWithTls
                   : handshake::CertificateProfile::kTls};
}

void Verifier::Handle(const LoadTags& load,
                      const Received<FromMonitor>& received) {
  if (const auto loaded = tags_.Take(load, received.payload)) {
    // A failure ends the service.
    static_cast<void>(output_.Notify(*loaded));
  }
}

void Verifier::Handle(const Recheck& recheck,
                      const Received<FromMonitor>& received) {
  Rechecked answer;
  answer.session = recheck.session;
  answer.trust = recheck.trust;
  const auto judged = JudgeAgain(recheck, received.payload);
  if (const auto* refusal = std::get_if<handshake::Refusal>(&judged)) {
    answer.outcome = Outcome::Failure(refusal->error.code);
    answer.detail = decltype(answer.detail)::Of(refusal->detail);
  } else {
    answer.outcome = Outcome::Success();
    answer.valid_until = std::get<handshake::ValidityWindow>(judged)
                             .until.time_since_epoch()
                             .count();
  }
  // A failure ends the service.
  static_cast<void>(output_.Notify(answer));
}

// All that does not depend on the handshake, which was checked when it was
// made: path, time, CRLs, name, the list of who may come.
std::variant<handshake::ValidityWindow, handshake::Refusal>
Verifier::JudgeAgain(const Recheck& recheck, ByteView payload) const {
  const auto refuse = [](const Error& error) {
    return handshake::Refusal{error, "", std::string(error.what)};
  };
  const Result<Trust>* const trust = trust_.Find(recheck.trust);
  if (trust == nullptr || !trust->ok()) {
    return refuse({Code::kTrustStoreUnusable, "the trust store is not known"});
  }
  const auto chain = ParseChain(payload, recheck.certificates);
  const auto policy =
      PolicyFor(recheck.peer, recheck.server_name.view(), trust->value());
  if (!chain.ok() || !policy.ok()) {
    return refuse(chain.ok() ? policy.error() : chain.error());
  }
  auto verified = trust->value().store.VerifyChain(*policy, *chain);
  if (auto* refusal = std::get_if<handshake::Refusal>(&verified)) {
    return std::move(*refusal);
  }
  const auto& path = std::get<handshake::VerifiedChain>(verified);
  Status fits = path.CheckName(*policy);
  if (fits.ok() && !trust->value().allowed.empty()) {
    fits = trust->value().allowed.Check(chain->front());
  }
  if (!fits.ok()) {
    return refuse(fits.error());
  }
  return path.window();
}

void Verifier::Handle(const EndJob& end, const Received<FromMonitor>&) {
  EndIfKnown(end.job);
}

void Verifier::Handle(const Forget& forget, const Received<FromMonitor>&) {
  trust_.Forget(forget.id);
  DropMemoryOf(forget.id);
}

Status Verifier::Handle(WorkerId worker, const ProofRequest& request,
                        ByteView payload) {
  const auto job = jobs_.find(request.job);
  if (job == jobs_.end()) {
    ProofReply reply;
    reply.job = request.job;
    reply.outcome = Outcome::Failure(kUnknownJob);
    return output_.Reply(worker, reply, {});
  }
  if (job->second.worker != worker) {
    return Misbehaviour("asked for the job of another worker");
  }
  if (job->second.judgement == Judgement::kGiven) {
    return Misbehaviour("asked for a second verdict for one job");
  }
  ASSIGN_OR_RETURN(const handshake::PeerProof proof,
                   ParseProof(request, payload));
  job->second.judgement = Judgement::kGiven;
  return Tell(job->second, request, Judge(job->second, proof), proof.chain);
}

Result<handshake::PeerPolicy> Verifier::PolicyFor(Side peer,
                                                  std::string_view server_name,
                                                  const Trust& trust) const {
  handshake::PeerPolicy policy = {handshake::Role::kClient, {}, clock_.Today()};
  if (peer == Side::kServer) {
    policy.peer = handshake::Role::kServer;
    ASSIGN_OR_RETURN(auto name, handshake::ServerName::Parse(server_name));
    policy.names.push_back(std::move(name));
  }
  policy.profile = trust.profile;
  return policy;
}

Verifier::Judged Verifier::Judge(const Job& job,
                                 const handshake::PeerProof& proof) {
  const Result<Trust>* const trust = trust_.Find(job.trust);
  if (trust == nullptr || !trust->ok()) {
    return Refuse(trust == nullptr ? Error{Code::kTrustStoreUnusable,
                                           "the trust store is not known"}
                                   : trust->error());
  }
  const auto policy = PolicyFor(job.peer, job.server_name, trust->value());
  if (!policy.ok()) {
    return Refuse(policy.error());
  }
  Judged judged =
      memory_.Verify(job.trust, trust->value().store, *policy, proof);
  Restrict(trust->value().allowed, proof, judged);
  return judged;
}

Status Verifier::Tell(const Job& job, const ProofRequest& request,
                      const Judged& judged, const std::vector<Bytes>& chain) {
  Verdict verdict = std::visit(
      [](const auto& result) { return Describe(result); }, judged.result);
  verdict.remembered = judged.source == ChainMemory::Source::kMemory ? 1 : 0;
  if (verdict.outcome.ok()) {
    verdict.tags = decltype(verdict.tags)::Of(tags_.Of(chain.front()));
  }
  verdict.job = request.job;
  verdict.transcript_hash = request.transcript_hash;
  if (verdict.outcome.ok() && job.wanted != ChainWanted::kNothing) {
    std::vector<Bytes> given = {chain.front()};
    if (job.wanted == ChainWanted::kAll) {
      given = chain;
    }
    PeerChain shown;
    shown.job = request.job;
    shown.certificates = static_cast<uint16_t>(given.size());
    Bytes payload;
    AppendChain(given, payload);
    RETURN_IF_ERROR(output_.Notify(shown, payload));
  }
  // The monitor knows before the worker goes on.
  RETURN_IF_ERROR(output_.Notify(verdict));
  ProofReply reply;
  reply.job = request.job;
  reply.outcome = verdict.outcome;
  return output_.Reply(job.worker, reply, {});
}

void Verifier::EndIfKnown(JobId id) {
  if (const auto job = jobs_.find(id); job != jobs_.end()) {
    End(job);
  }
}

Verifier::Jobs::iterator Verifier::End(Jobs::iterator job) {
  if (job->second.holds == Holds::kIt) {
    trust_.Release(job->second.trust);
    DropMemoryOf(job->second.trust);
  }
  return jobs_.erase(job);
}

// Unless a job still has the store.
void Verifier::DropMemoryOf(TrustId trust) {
  if (!trust_.Knows(trust)) {
    memory_.Forget(trust);
  }
}

}  // namespace ktlsd::agent
