#include "agent/worker/worker.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "agent/ipc/chain.h"
#include "agent/worker/psk_requests.h"
#include "base/error_codes.h"
#include "handshake/chain_facts.h"

namespace ktlsd::agent {
namespace {

constexpr Error kKeeperGone = {Code::kKeeperUnavailable, "the keeper is gone"};
constexpr Error kVerifierGone = {Code::kVerifierUnavailable,
                                 "the verifier is gone"};

JobReport RefusalOf(JobId job, const Error& error) {
  JobReport report;
  report.job = job;
  report.outcome = Outcome::Failure(error.code);
  report.os_error = error.os_error;
  report.what = Text<kDetailSize>::Of(error.what);
  return report;
}

std::vector<handshake::SignatureScheme> SchemesOf(const ChainReply& reply) {
  std::vector<handshake::SignatureScheme> schemes;
  for (const uint16_t scheme : reply.schemes) {
    if (scheme != 0) {
      schemes.push_back(static_cast<handshake::SignatureScheme>(scheme));
    }
  }
  return schemes;
}

}  // namespace

Worker::Worker(Link monitor, std::unique_ptr<Readiness> readiness,
               ktls::SocketOps& ktls_ops, const Clock& clock)
    : monitor_(std::move(monitor)),
      ktls_ops_(ktls_ops),
      loop_(std::move(readiness), clock,
            {[this](EventLoop::Token token) { OnReady(token); },
             [this](EventLoop::Token token) { OnDeadline(token); }}) {
  monitor_.TakeSeveral();
}

Status Worker::Run() {
  RETURN_IF_ERROR(loop_.Watch(monitor_.socket(), kMonitorToken));
  OnReady(kMonitorToken);
  RETURN_IF_ERROR(loop_.Run());
  return stopped_;
}

void Worker::OnReady(EventLoop::Token token) {
  switch (token) {
    case kMonitorToken: {
      const Status read = ReadMonitor();
      if (!read.ok()) {
        // The monitor went away: so do we, and the kernel closes the rest.
        stopped_ = read.error().code == Code::kPeerClosed ? Status(Ok{}) : read;
        loop_.Stop();
        return;
      }
      SendReports();
      return ResumeBlocked();
    }
    case kKeeperToken:
      if (!ReadKeeper().ok()) {
        return Lose(keeper_, kKeeperGone);
      }
      return ResumeBlocked();
    case kVerifierToken:
      if (!ReadVerifier().ok()) {
        return Lose(verifier_, kVerifierGone);
      }
      return ResumeBlocked();
    default:
      break;
  }
  const JobId job = token - kFirstJobToken;
  if (Connection* connection = Find(job)) {
    connection->Resume();
    AfterEvent(job);
  }
}

void Worker::OnDeadline(EventLoop::Token token) {
  const JobId job = token - kFirstJobToken;
  const auto running = connections_.find(job);
  if (running != connections_.end()) {
    running->second.next_wake = MonotonicTime::max();
    running->second.connection->OnDeadline();
    return AfterEvent(job);
  }
  RefuseOverdue(job);
}

// --- From the monitor ---

Status Worker::ReadMonitor() {
  monitor_.AskAnew();
  for (;;) {
    ASSIGN_OR_RETURN(auto received,
                     monitor_.Receive<ToWorker>(Descriptors::kTake));
    if (!received) {
      return Ok{};
    }
    RETURN_IF_ERROR(std::visit(
        [&](const auto& message) { return Handle(message, *received); },
        received->message));
  }
}

Status Worker::Handle(const Job& job, Received<ToWorker>& received) {
  WaitingJob waiting{
      job, std::move(received.descriptors.front()),
      loop_.clock().Now() + std::chrono::milliseconds(job.total_ms)};
  ASSIGN_OR_RETURN(std::vector<handshake::PskName> psks,
                   PsksOf(job, received.payload));
  if (auto certificates = CertificatesOf(job)) {
    Start(std::move(waiting), {*std::move(certificates), std::move(psks)});
  } else {
    const Status asked = AskChainsOf(waiting);
    if (!asked.ok()) {
      Report(RefusalOf(job.job, asked.error()));
      return Ok{};
    }
    loop_.At(waiting.until, job.job + kFirstJobToken);
    waiting_.push_back(std::move(waiting));
  }
  return Ok{};
}

Status Worker::Handle(const TakeLink& take, Received<ToWorker>& received) {
  const bool keeper = take.to == LinkTo::kKeeper;
  std::optional<Link>& link = keeper ? keeper_ : verifier_;
  if (link) {
    Lose(link, keeper ? kKeeperGone : kVerifierGone);
  }
  link.emplace(std::move(received.descriptors.front()));
  link->TakeSeveral();
  RETURN_IF_ERROR(
      loop_.Watch(link->socket(), keeper ? kKeeperToken : kVerifierToken));
  if (keeper) {
    asked_chains_.clear();
    AskChains();
  }
  return Ok{};
}

Status Worker::Handle(const EndJob& end, Received<ToWorker>&) {
  if (Connection* connection = Find(end.job)) {
    RETURN_IF_ERROR(loop_.Unwatch(connection->socket()));
    connections_.erase(end.job);
  }
  std::erase_if(waiting_, [&](const WaitingJob& waiting) {
    return waiting.job.job == end.job;
  });
  return Ok{};
}

Status Worker::Handle(const Forget& forget, Received<ToWorker>&) {
  certificates_.erase(forget.id);
  return Ok{};
}

// --- Jobs ---

void Worker::Start(WaitingJob waiting, OurSide ours) {
  const JobId job = waiting.job.job;
  auto connection = std::make_unique<Connection>(
      waiting.job, std::move(waiting.socket), std::move(ours), *this, ktls_ops_,
      loop_.clock());
  const EventLoop::Token token = job + kFirstJobToken;
  const Status watched =
      loop_.Watch(connection->socket(), token, Readiness::Interest::kInput);
  if (!watched.ok()) {
    return Report(RefusalOf(job, watched.error()));
  }
  Connection& started = *connection;
  connections_.emplace(job,
                       RunningJob{std::move(connection), MonotonicTime::max()});
  started.Resume();
  AfterEvent(job);
}

void Worker::AfterEvent(JobId job) {
  const auto running = connections_.find(job);
  if (running == connections_.end()) {
    return;
  }
  const std::optional<JobReport> report = running->second.connection->report();
  if (!report) {
    return KeepDeadline(job, running->second);
  }
  connections_.erase(running);
  Report(*report);
}

// Deadlines move with every byte. One that moved away needs nothing: the loop
// comes early and asks again.
void Worker::KeepDeadline(JobId job, RunningJob& running) {
  const MonotonicTime deadline = running.connection->deadline();
  if (deadline < running.next_wake) {
    running.next_wake = deadline;
    loop_.At(deadline, job + kFirstJobToken);
  }
}

// Tries again what a full link kept back.
void Worker::ResumeBlocked() {
  for (const JobId job : std::exchange(blocked_, {})) {
    if (Connection* connection = Find(job)) {
      connection->Resume();
      AfterEvent(job);
    }
  }
}

Status Worker::NoteBlocked(JobId job, Status sent) {
  if (!sent.ok() && sent.error().code == Code::kTooBusy) {
    blocked_.push_back(job);
  }
  return sent;
}

Connection* Worker::Find(JobId job) {
  const auto found = connections_.find(job);
  return found == connections_.end() ? nullptr : found->second.connection.get();
}

void Worker::Report(const JobReport& report) {
  unsent_reports_.push_back(report);
  SendReports();
}

// What the monitor's queue does not take now goes out when it has room.
void Worker::SendReports() {
  while (!unsent_reports_.empty() &&
         monitor_.Send(unsent_reports_.front()).ok()) {
    unsent_reports_.pop_front();
  }
}

Status Worker::AwaitRoom(JobId job, BorrowedFd socket) {
  RETURN_IF_ERROR(loop_.Unwatch(socket));
  return loop_.Watch(socket, job + kFirstJobToken);
}

Status Worker::StopWatching(BorrowedFd socket) { return loop_.Unwatch(socket); }

// --- Keeper ---

// Without a keeper the job waits for the next one: TakeLink asks again. Many
// jobs that begin at once must not fill the link with copies of one chain.
Status Worker::AskChain(JobId job, CredentialId credential) {
  if (!keeper_ || credential == 0 || certificates_.contains(credential) ||
      asked_chains_.contains(credential)) {
    return Ok{};
  }
  ChainRequest request;
  request.job = job;
  request.credential = credential;
  RETURN_IF_ERROR(keeper_->Send(request));
  asked_chains_.insert(credential);
  return Ok{};
}

Status Worker::AskChainsOf(const WaitingJob& waiting) {
  for (const CredentialId credential : waiting.job.credentials) {
    RETURN_IF_ERROR(AskChain(waiting.job.job, credential));
  }
  return Ok{};
}

void Worker::AskChains() {
  std::erase_if(waiting_, [this](const WaitingJob& waiting) {
    const Status asked = AskChainsOf(waiting);
    if (!asked.ok()) {
      Report(RefusalOf(waiting.job.job, asked.error()));
    }
    return !asked.ok();
  });
}

Status Worker::RequestSignature(JobId job, CredentialId credential,
                                const handshake::SignatureRequest& request) {
  if (!keeper_) {
    return kKeeperGone;
  }
  SignRequest message;
  message.job = job;
  message.credential = credential;
  message.scheme = static_cast<uint16_t>(request.scheme);
  message.transcript_hash = WireHash::Of(request.transcript_hash.view());
  return NoteBlocked(job, keeper_->Send(message));
}

Status Worker::ReadKeeper() {
  if (keeper_) {
    keeper_->AskAnew();
  }
  while (keeper_) {
    ASSIGN_OR_RETURN(auto received, keeper_->Receive<KeeperToWorker>());
    if (!received) {
      break;
    }
    std::visit([&](const auto& message) { Handle(message, received->payload); },
               received->message);
  }
  return Ok{};
}

void Worker::Handle(const ChainReply& reply, ByteView payload) {
  asked_chains_.erase(reply.credential);
  if (!reply.outcome.ok()) {
    return RefuseWaiting(reply.job, {reply.outcome.code(),
                                     "the keeper has no such certificate"});
  }
  Result<std::vector<Bytes>> chain = ParseChain(payload, reply.certificates);
  if (!chain.ok()) {
    return RefuseWaiting(reply.job, chain.error());
  }
  Result<handshake::ChainFacts> facts = handshake::DescribeChain(*chain);
  if (!facts.ok()) {
    return RefuseWaiting(reply.job, facts.error());
  }
  certificates_.insert_or_assign(
      reply.credential,
      handshake::LocalCertificate{std::move(chain).value(), SchemesOf(reply),
                                  std::nullopt, std::move(facts).value()});
  StartWaiting();
}

// All of them, or nothing: with a part of them a peer would be shown less than
// is configured.
std::optional<handshake::LocalCertificates> Worker::CertificatesOf(
    const Job& job) const {
  handshake::LocalCertificates certificates;
  for (const CredentialId credential : job.credentials) {
    if (credential == 0) {
      continue;
    }
    const auto known = certificates_.find(credential);
    if (known == certificates_.end()) {
      return std::nullopt;
    }
    certificates.push_back(known->second);
  }
  return certificates;
}

// They have what is left of their time.
void Worker::StartWaiting() {
  for (WaitingJob& waiting : std::exchange(waiting_, {})) {
    if (auto certificates = CertificatesOf(waiting.job)) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          waiting.until - loop_.clock().Now());
      waiting.job.total_ms = static_cast<uint32_t>(
          std::max(left, std::chrono::milliseconds(0)).count());
      Start(std::move(waiting), {*std::move(certificates), {}});
    } else {
      waiting_.push_back(std::move(waiting));
    }
  }
}

void Worker::RefuseWaiting(JobId job, const Error& error) {
  const auto refused = std::erase_if(
      waiting_,
      [job](const WaitingJob& waiting) { return waiting.job.job == job; });
  if (refused != 0) {
    Report(RefusalOf(job, error));
  }
  AskChains();  // the refusal may be of that job only
}

// The monitor would take it for ours.
void Worker::RefuseOverdue(JobId job) {
  const auto overdue = [this, job](const WaitingJob& waiting) {
    return waiting.job.job == job && waiting.until <= loop_.clock().Now();
  };
  if (std::erase_if(waiting_, overdue) != 0) {
    Report(RefusalOf(job, {Code::kKeeperUnavailable,
                           "the keeper gave no certificate in time"}));
  }
}

void Worker::Handle(const SignReply& reply, ByteView payload) {
  if (Connection* connection = Find(reply.job)) {
    if (reply.outcome.ok()) {
      connection->OnSignature(Bytes(payload.begin(), payload.end()));
    } else {
      connection->OnSignature(
          Error{reply.outcome.code(), "the keeper did not sign"});
    }
    AfterEvent(reply.job);
  }
}

// --- Verifier ---

Status Worker::RequestVerdict(JobId job, const handshake::PeerProof& proof) {
  // The verifier would take a message like that for the worker's fault.
  if (proof.signature.empty() || proof.signature.size() > kMaxSignatureBytes) {
    return Error{Code::kBadCertificateVerify,
                 "no signature has the size of the peer's"};
  }
  if (!verifier_) {
    return kVerifierGone;
  }
  Bytes payload;
  AppendChain(proof.chain, payload);
  ProofRequest message;
  message.job = job;
  message.chain_size = static_cast<uint32_t>(payload.size());
  message.certificates = static_cast<uint16_t>(proof.chain.size());
  message.scheme = static_cast<uint16_t>(proof.scheme);
  message.transcript_hash = WireHash::Of(proof.transcript_hash.view());
  payload.insert(payload.end(), proof.signature.begin(), proof.signature.end());
  return NoteBlocked(job, verifier_->Send(message, payload));
}

Status Worker::ReadVerifier() {
  if (verifier_) {
    verifier_->AskAnew();
  }
  while (verifier_) {
    ASSIGN_OR_RETURN(auto received, verifier_->Receive<VerifierToWorker>());
    if (!received) {
      break;
    }
    const auto& reply = std::get<ProofReply>(received->message);
    if (Connection* connection = Find(reply.job)) {
      if (reply.outcome.ok()) {
        connection->OnVerdict(Ok{});
      } else {
        connection->OnVerdict(
            Error{reply.outcome.code(), "the peer's certificate was refused"});
      }
      AfterEvent(reply.job);
    }
  }
  return Ok{};
}

// Closes a link whose other end is gone or broken, and ends what waits for it.
// The monitor sends a new link with the new process.
void Worker::Lose(std::optional<Link>& link, const Error& error) {
  if (!link) {
    return;
  }
  // A loop that could not do that says so when it waits.
  static_cast<void>(loop_.Unwatch(link->socket()));
  link.reset();
  std::vector<JobId> jobs;
  jobs.reserve(connections_.size());
  for (const auto& [job, connection] : connections_) {
    jobs.push_back(job);
  }
  for (const JobId job : jobs) {
    if (Connection* connection = Find(job)) {
      connection->OnServiceLost(error);
      AfterEvent(job);
    }
  }
  ResumeBlocked();
}

}  // namespace ktlsd::agent
