#include "agent/monitor/psk_desk.h"

#include <algorithm>
#include <utility>

#include "agent/ipc/identities.h"
#include "base/key_access.h"
#include "handshake/psk.h"
#include "handshake/psk_wait.h"

namespace ktlsd::agent {
namespace {

constexpr unsigned kMostBindersOfClient = 2;  // for two ClientHellos
constexpr unsigned kMostBindersOfServer = 1;  // of the hello that counts
constexpr std::size_t kChosen = 0;            // a server's only PSK

Error Lie(std::string_view what) { return {Code::kWorkerMisbehaved, what}; }

std::string TextOf(const Bytes& identity) {
  return std::string(identity.begin(), identity.end());
}

void Note(PskEvidence& evidence, const NamedPsk& psk) {
  evidence.identity = TextOf(psk.identity);
  evidence.serial = psk.serial;
}

void Note(PskEvidence& evidence, const Error& error) {
  evidence.failure = error.code;
  evidence.reason = error.what;
  evidence.os_error = error.os_error;
}

std::vector<HashAlgorithm> HashesOf(const ChoiceRequest& request) {
  std::vector<HashAlgorithm> hashes;
  if (request.sha256 != 0) {
    hashes.push_back(HashAlgorithm::kSha256);
  }
  if (request.sha384 != 0) {
    hashes.push_back(HashAlgorithm::kSha384);
  }
  return hashes;
}

// It owes the worker an answer, so one that cannot be sent is the worker's end.
template <typename Reply>
Status SendTo(Link& worker, const Reply& reply, ByteView payload = {}) {
  const Status sent = worker.Send(reply, payload);
  if (!sent.ok() && sent.error().code != Code::kPeerClosed) {
    return Lie("it does not read the answers to what it asks");
  }
  return Ok{};  // that it is gone will be seen
}

template <typename Reply>
Status Answer(Link& worker, JobId job, const Result<HashSecret>& made,
              PskEvidence& evidence) {
  Reply reply;
  reply.job = job;
  if (!made.ok()) {
    Note(evidence, made.error());
    reply.outcome = Outcome::Failure(made.error().code);
    return SendTo(worker, reply);
  }
  reply.outcome = Outcome::Success();
  return SendTo(worker, reply, made->Reveal(KeyAccess()));
}

}  // namespace

Status PskDesk::Begin(JobId id, const Request& request, Plan& plan) {
  Job job;
  job.side = plan.side;
  if (plan.side == Side::kServer) {
    RETURN_IF_ERROR(BeginServer(job, request, plan));
  } else {
    const Status begun = BeginClient(job, request, plan);
    if (!begun.ok()) {
      jobs_[id].evidence.serial = request.peer_identities.front();
      return begun;
    }
  }
  jobs_.insert_or_assign(id, std::move(job));
  return Ok{};
}

// The kernel keeps keys of network namespaces apart in a search only: in a list
// of the host's keyring are those of all.
Status PskDesk::BeginServer(Job& job, const Request& request,
                            const Plan& plan) {
  if (!plan.keyrings.empty()) {
    for (const std::string& name : plan.keyrings) {
      if (const auto keyring = keyrings_.Called(name)) {
        job.keyrings.push_back(*keyring);
      }
    }
    if (job.keyrings.empty()) {
      return Error{Code::kKeyUnavailable,
                   "no keyring of the network namespace's group is there"};
    }
  } else {
    job.keys = request.peer_identities;
    if (request.keyring.has_value()) {
      job.keyrings = {*request.keyring};
    }
  }
  if (plan.elsewhere && LooksAmongTheHosts(job)) {
    return Error{Code::kConfigUnusable,
                 "a keyring of the host's is for no other network namespace: "
                 "its group has to name keyrings"};
  }
  return Ok{};
}

bool PskDesk::LooksAmongTheHosts(const Job& job) {
  if (!job.keys.empty() || job.keyrings.empty()) {
    return job.keys.empty();
  }
  const std::vector<KeySerial> hosts = keyrings_.PskKeyrings();
  return std::ranges::any_of(job.keyrings, [&hosts](KeySerial keyring) {
    return std::ranges::count(hosts, keyring) != 0;
  });
}

Status PskDesk::BeginClient(Job& job, const Request& request, Plan& plan) {
  std::optional<Error> trouble;
  for (const KeySerial serial : request.peer_identities) {
    Result<NamedPsk> psk = lookup_.Resolve(serial);
    if (!psk.ok()) {
      trouble = trouble.value_or(psk.error());
      continue;
    }
    const bool fits = std::ranges::count(plan.suites, psk->hash, HashOf) > 0;
    const bool twice = std::ranges::any_of(job.usable, [&](const Usable& u) {
      return u.psk.identity == psk->identity;
    });
    if (!fits) {
      trouble = trouble.value_or(
          Error{Code::kCipherNotOffloadable,
                "this kernel has no cipher suite for the hash of the PSK"});
    } else if (!twice && job.usable.size() < kMaxJobPsks) {
      job.usable.push_back({std::move(psk).value(), 0});
    }
  }
  if (job.usable.empty()) {
    return trouble.value_or(
        Error{Code::kKeyUnavailable, "the kernel's request names no key"});
  }
  for (const Usable& usable : job.usable) {
    plan.psks.push_back(usable.psk);
  }
  std::erase_if(plan.suites, [&plan](CipherSuite suite) {
    return std::ranges::count(plan.psks, HashOf(suite), &NamedPsk::hash) == 0;
  });
  Note(job.evidence, plan.psks.front());
  return Ok{};
}

PskEvidence PskDesk::EvidenceOf(JobId job) const {
  const auto found = jobs_.find(job);
  return found == jobs_.end() ? PskEvidence() : found->second.evidence;
}

Result<PskDesk::Job*> PskDesk::Find(JobId id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) {
    return Lie("it asks for a PSK in a job without one");
  }
  const PskEvidence& evidence = found->second.evidence;
  if (evidence.used.has_value() || evidence.failure.has_value()) {
    return Lie("it asks for more of a PSK than it may have");
  }
  return &found->second;
}

Result<PskDesk::Usable*> PskDesk::UsableOf(Job& job, std::size_t index,
                                           WirePskHash hash) {
  if (index >= job.usable.size()) {
    return Lie("it asks for a PSK that its job does not have");
  }
  Usable& usable = job.usable[index];
  if (usable.psk.hash != FromWire(hash)) {
    return Lie("it asks for another hash than its PSK's");
  }
  return &usable;
}

// --- A server's choice ---

Status PskDesk::Serve(Link& worker, const ChoiceRequest& request,
                      ByteView payload) {
  ASSIGN_OR_RETURN(Job * job, Find(request.job));
  if (job->side != Side::kServer || std::exchange(job->choice_asked, true)) {
    return Lie("it asks which PSK to choose, where it may not");
  }
  const Result<std::vector<Bytes>> identities =
      ParseIdentities(payload, request.identities);
  if (!identities.ok()) {
    return Lie("it sends identities in a wrong form");
  }
  job->evidence.identity = TextOf(identities->front());
  ChoiceReply reply;
  reply.job = request.job;
  reply.outcome = Outcome::Success();
  Result<std::optional<PskLookup::Found>> found =
      Choose(*job, *identities, HashesOf(request));
  if (!found.ok()) {
    // The peer is told what it would be of an identity that is not known.
    Note(job->evidence, found.error());
  } else if (std::optional<PskLookup::Found>& known = *found;
             known.has_value()) {
    NamedPsk& psk = known->psk;
    reply.chosen = 1;
    reply.index = static_cast<uint16_t>(known->index);
    reply.hash = ToWire(psk.hash);
    Note(job->evidence, psk);
    job->usable.push_back({std::move(psk), 0});
  }
  return SendTo(worker, reply);
}

Result<std::optional<PskLookup::Found>> PskDesk::Choose(
    const Job& job, const std::vector<Bytes>& identities,
    const std::vector<HashAlgorithm>& hashes) {
  if (!job.keys.empty()) {
    return lookup_.FindAmong(job.keys, identities, hashes);
  }
  return lookup_.FindIn(
      job.keyrings.empty() ? keyrings_.PskKeyrings() : job.keyrings, identities,
      hashes);
}

// --- What is computed ---

Status PskDesk::Serve(Link& worker, const BinderRequest& request, ByteView) {
  ASSIGN_OR_RETURN(Job * job, Find(request.job));
  // With it a worker could vouch for a client that has no key.
  if (job->side != Side::kClient) {
    return Lie("it asks for the binder that its client is to show");
  }
  ASSIGN_OR_RETURN(Usable * usable,
                   UsableOf(*job, request.index, request.hash));
  if (usable->binders == kMostBindersOfClient) {
    return Lie("it asks for a binder too many");
  }
  ++usable->binders;
  const Result<HashSecret> made = MakeBinder(usable->psk, request);
  usable->bound = made.ok();
  return Answer<BinderReply>(worker, request.job, made, job->evidence);
}

Result<HashSecret> PskDesk::MakeBinder(const NamedPsk& psk,
                                       const BinderRequest& request) {
  ASSIGN_OR_RETURN(const handshake::PskKey key, keyrings_.ReadPsk(psk.serial));
  return handshake::PskBinder(
      key, {psk.identity, psk.hash,
            handshake::HashValue(request.transcript_hash.view())});
}

Status PskDesk::Serve(Link& worker, const PskProofRequest& request, ByteView) {
  ASSIGN_OR_RETURN(Job * job, Find(request.job));
  if (job->side != Side::kServer) {
    return Lie("it asks about a client's binder, which it is itself");
  }
  ASSIGN_OR_RETURN(Usable * usable, UsableOf(*job, kChosen, request.hash));
  if (usable->binders == kMostBindersOfServer) {
    return Lie("it guesses at a binder");
  }
  ++usable->binders;
  const Status checked = CheckProof(usable->psk, request);
  usable->bound = checked.ok();
  PskProofReply reply;
  reply.job = request.job;
  reply.outcome = checked.ok() ? Outcome::Success()
                               : Outcome::Failure(checked.error().code);
  if (!checked.ok()) {
    Note(job->evidence, checked.error());
  }
  return SendTo(worker, reply);
}

Status PskDesk::CheckProof(const NamedPsk& psk,
                           const PskProofRequest& request) {
  ASSIGN_OR_RETURN(const handshake::PskKey key, keyrings_.ReadPsk(psk.serial));
  const ByteView binder = request.binder.view();
  return handshake::CheckPskBinder(
      key, {{psk.identity, psk.hash,
             handshake::HashValue(request.transcript_hash.view())},
            Bytes(binder.begin(), binder.end())});
}

Status PskDesk::Serve(Link& worker, const SecretRequest& request,
                      ByteView ecdhe) {
  ASSIGN_OR_RETURN(Job * job, Find(request.job));
  ASSIGN_OR_RETURN(Usable * usable,
                   UsableOf(*job, request.index, request.hash));
  if (!usable->bound) {
    return Lie("it asks for the secret of a PSK before its binder");
  }
  if (ecdhe.empty()) {
    return Lie("it asks for a secret without a key agreement");
  }
  const Result<HashSecret> made = MakeSecret(usable->psk, ecdhe);
  if (made.ok()) {
    job->evidence.used = usable->psk;
    Note(job->evidence, usable->psk);
  }
  return Answer<SecretReply>(worker, request.job, made, job->evidence);
}

Result<HashSecret> PskDesk::MakeSecret(const NamedPsk& psk, ByteView ecdhe) {
  ASSIGN_OR_RETURN(const handshake::PskKey key, keyrings_.ReadPsk(psk.serial));
  return handshake::PskHandshakeSecret(
      key,
      {psk.identity, psk.hash, handshake::SharedSecret(KeyAccess(), ecdhe)});
}

}  // namespace ktlsd::agent
