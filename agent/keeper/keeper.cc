#include "agent/keeper/keeper.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "agent/ipc/chain.h"
#include "agent/keeper/credential_loader.h"
#include "handshake/crypto/digest.h"
#include "handshake/wire.h"

namespace ktlsd::agent {
namespace {

// A job that ended a moment ago, or never began here: see messages.h.
constexpr Code kUnknownJob = Code::kDeadlineTotal;

Error Misbehaviour(std::string_view what) { return {Code::kApiMisuse, what}; }

handshake::Role RoleOf(Side side) {
  return side == Side::kServer ? handshake::Role::kServer
                               : handshake::Role::kClient;
}

Result<handshake::Credential> Load(const LoadCredential& load,
                                   const Received<ToKeeper>& received,
                                   const TokenKeys& tokens) {
  const auto& files = received.descriptors;
  if (files.size() == 1) {
    return LoadToken(files[0].borrow(),
                     {reinterpret_cast<const char*>(received.payload.data()),
                      received.payload.size()},
                     tokens);
  }
  if (files.size() == 2 && received.payload.empty()) {
    return LoadFiles(files[0].borrow(), files[1].borrow());
  }
  if (files.empty()) {
    return LoadDer(received.payload, load.certificate_size);
  }
  return Error{Code::kCertificateUnusable, "neither two files nor DER"};
}

// The credential, or the code that tells a worker why there is none.
std::variant<const handshake::Credential*, Code> Usable(
    const Result<handshake::Credential>* loaded) {
  if (loaded == nullptr) {
    return Code::kNoCertificateConfigured;
  }
  if (!loaded->ok()) {
    return loaded->error().code;
  }
  return &loaded->value();
}

ChainReply Describe(const handshake::Credential& credential) {
  ChainReply reply;
  reply.outcome = Outcome::Success();
  reply.certificates = static_cast<uint16_t>(credential.chain().size());
  const auto& schemes = credential.schemes();
  for (std::size_t i = 0; i < std::min(schemes.size(), kMaxSchemes); ++i) {
    reply.schemes[i] = static_cast<uint16_t>(schemes[i]);
  }
  return reply;
}

bool CanSignWith(const handshake::Credential& credential,
                 handshake::SignatureScheme scheme) {
  const auto& schemes = credential.schemes();
  return std::find(schemes.begin(), schemes.end(), scheme) != schemes.end();
}

}  // namespace

void Keeper::HandleMonitorMessage(const Received<FromMonitor>& received) {
  std::visit([&](const auto& message) { Handle(message, received); },
             received.message);
}

Status Keeper::HandleWorkerMessage(WorkerId worker,
                                   const Received<FromWorker>& received) {
  return std::visit(
      [&](const auto& message) { return Handle(worker, message); },
      received.message);
}

void Keeper::DropWorker(WorkerId worker) {
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    job = job->second.worker == worker ? End(job) : std::next(job);
  }
}

void Keeper::Handle(const AddWorker&, const Received<FromMonitor>&) {
  // The link is the service's; a worker without jobs is nothing to a keeper.
}

void Keeper::Handle(const TakeBell&, const Received<FromMonitor>&) {
  // The service takes it, and wakes by it.
}

void Keeper::Handle(const RemoveWorker& message, const Received<FromMonitor>&) {
  DropWorker(message.worker);
}

void Keeper::Handle(const SigningTerms& terms, const Received<FromMonitor>&) {
  for (const JobId ended : terms.ended) {
    EndIfKnown(ended);
  }
  if (jobs_.size() >= kMaxSigningJobs || jobs_.count(terms.job) != 0) {
    return;
  }
  Job job = {terms.credentials, terms.worker, RoleOf(terms.signer)};
  for (std::size_t i = 0; i < job.credentials.size(); ++i) {
    job.holds[i] =
        credentials_.Use(job.credentials[i]) ? Holds::kIt : Holds::kNothing;
  }
  jobs_.emplace(terms.job, job);
}

void Keeper::Handle(const LoadCredential& load,
                    const Received<FromMonitor>& received) {
  CredentialLoaded loaded;
  loaded.id = load.id;
  if (credentials_.Knows(load.id) || credentials_.Full()) {
    loaded.outcome = Outcome::Failure(Code::kTooBusy);
    loaded.text = decltype(loaded.text)::Of("too many credentials");
  } else {
    auto credential = Load(load, received, tokens_);
    if (load.post_quantum != 0) {
      credential = OnlyPostQuantum(std::move(credential));
    }
    loaded.outcome = credential.ok()
                         ? Outcome::Success()
                         : Outcome::Failure(credential.error().code);
    loaded.text = decltype(loaded.text)::Of(
        credential.ok() ? "" : credential.error().what);
    credentials_.Add(load.id, std::move(credential));
  }
  // A failure ends the service.
  static_cast<void>(output_.Notify(loaded));
}

void Keeper::Handle(const EndJob& end, const Received<FromMonitor>&) {
  EndIfKnown(end.job);
}

void Keeper::Handle(const Forget& forget, const Received<FromMonitor>&) {
  credentials_.Forget(forget.id);
}

Status Keeper::Handle(WorkerId worker, const ChainRequest& request) {
  ChainReply reply;
  Bytes payload;
  ASSIGN_OR_RETURN(const auto job, FindJob(worker, request.job));
  if (job == jobs_.end()) {
    reply.outcome = Outcome::Failure(kUnknownJob);
  } else if (!Contains(job->second.credentials, request.credential)) {
    return Misbehaviour("asked for the chain of another credential");
  } else {
    const auto usable = Usable(credentials_.Find(request.credential));
    if (const auto* const code = std::get_if<Code>(&usable)) {
      reply.outcome = Outcome::Failure(*code);
    } else {
      const auto& credential = *std::get<const handshake::Credential*>(usable);
      reply = Describe(credential);
      AppendChain(credential.chain(), payload);
    }
  }
  reply.job = request.job;
  reply.credential = request.credential;
  return output_.Reply(worker, reply, payload);
}

Status Keeper::Handle(WorkerId worker, const SignRequest& request) {
  ASSIGN_OR_RETURN(const auto job, FindJob(worker, request.job));
  SignReply refusal;
  refusal.job = request.job;
  refusal.scheme = request.scheme;
  if (job == jobs_.end()) {
    refusal.outcome = Outcome::Failure(kUnknownJob);
    return output_.Reply(worker, refusal, {});
  }
  if (job->second.signature == Signature::kGiven) {
    return Misbehaviour("asked for a second signature for one job");
  }
  if (!Contains(job->second.credentials, request.credential)) {
    return Misbehaviour("asked for a signature by another credential");
  }
  const auto usable = Usable(credentials_.Find(request.credential));
  if (const auto* const code = std::get_if<Code>(&usable)) {
    refusal.outcome = Outcome::Failure(*code);
    return output_.Reply(worker, refusal, {});
  }
  return Sign(job->second, request,
              *std::get<const handshake::Credential*>(usable));
}

Status Keeper::Sign(Job& job, const SignRequest& request,
                    const handshake::Credential& credential) {
  const auto scheme = static_cast<handshake::SignatureScheme>(request.scheme);
  if (!CanSignWith(credential, scheme)) {
    return Misbehaviour("asked for a scheme that the key does not have");
  }
  // Given from here on, whatever happens: never twice.
  job.signature = Signature::kGiven;
  auto signature = credential.Sign(
      scheme, job.signer, handshake::HashValue(request.transcript_hash.view()));
  SignReply reply;
  reply.job = request.job;
  reply.scheme = request.scheme;
  if (!signature.ok()) {
    reply.outcome = Outcome::Failure(signature.error().code);
    return output_.Reply(job.worker, reply, {});
  }
  // The monitor knows before the worker can use it.
  Signed notice;
  notice.job = request.job;
  RETURN_IF_ERROR(output_.Notify(notice));
  reply.outcome = Outcome::Success();
  return output_.Reply(job.worker, reply, *signature);
}

Result<Keeper::Jobs::iterator> Keeper::FindJob(WorkerId worker, JobId id) {
  const auto job = jobs_.find(id);
  if (job != jobs_.end() && job->second.worker != worker) {
    return Misbehaviour("asked for the job of another worker");
  }
  return job;
}

void Keeper::EndIfKnown(JobId id) {
  if (const auto job = jobs_.find(id); job != jobs_.end()) {
    End(job);
  }
}

Keeper::Jobs::iterator Keeper::End(Jobs::iterator job) {
  for (std::size_t i = 0; i < job->second.credentials.size(); ++i) {
    if (job->second.holds[i] == Holds::kIt) {
      credentials_.Release(job->second.credentials[i]);
    }
  }
  return jobs_.erase(job);
}

}  // namespace ktlsd::agent
