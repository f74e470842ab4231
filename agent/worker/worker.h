// The worker process: runs handshakes for the monitor, and knows nothing else.
//
// Scope:     takes jobs from the monitor's link, asks the keeper for chains and
//            signatures, the verifier for verdicts and the monitor for what is
//            computed with PSKs, and reports each job once.
// Layer:     agent/worker.
// Threads:   belongs to one event loop.
// Privilege: none; what it can still do when it is taken over is in
//            docs/threat-model.md.
// Design:    docs/design/process-model.md
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/worker/connection.h"
#include "agent/worker/event_loop.h"
#include "agent/worker/readiness.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "base/shared.h"
#include "handshake/config.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {

class Worker final : public JobServices {
 public:
  // `clock` and `ktls_ops` must outlive the worker; `readiness` is not null.
  Worker(Link monitor, std::unique_ptr<Readiness> readiness,
         ktls::SocketOps& ktls_ops, const Clock& clock);

  // Runs until the monitor's link closes (success), or something fails that
  // the worker cannot go on without.
  Status Run();

  Status RequestSignature(JobId job, CredentialId credential,
                          const handshake::SignatureRequest& request) override;
  Status RequestVerdict(JobId job, const handshake::PeerProof& proof) override;
  Status RequestPskChoice(JobId job, const handshake::OfferedPsks& offered,
                          std::span<const HashAlgorithm> hashes) override;
  Status RequestPskBinder(JobId job, std::size_t index,
                          const handshake::PskBinderRequest& request) override;
  Status RequestPskVerdict(JobId job,
                           const handshake::PskProof& proof) override;
  Status RequestPskSecret(JobId job, std::size_t index,
                          const handshake::PskSecretRequest& request) override;
  Status AwaitRoom(JobId job, BorrowedFd socket) override;
  Status StopWatching(BorrowedFd socket) override;

 private:
  // Tokens below kFirstJobToken are links; a job's token is its id shifted
  // past them.
  enum Token : EventLoop::Token {
    kMonitorToken,
    kKeeperToken,
    kVerifierToken,
    kFirstJobToken,
  };
  struct WaitingJob {
    Job job;
    OwnedFd socket;
    MonotonicTime until;  // its time is over then
  };

  struct RunningJob {
    std::unique_ptr<Connection> connection;
    MonotonicTime next_wake;  // the earliest deadline that the loop knows of
  };

  void OnReady(EventLoop::Token token);
  void OnDeadline(EventLoop::Token token);

  Status ReadMonitor();
  Status ReadKeeper();
  Status ReadVerifier();
  Status Handle(const Job& job, Received<ToWorker>& received);
  Status Handle(const TakeLink& take, Received<ToWorker>& received);
  Status Handle(const EndJob& end, Received<ToWorker>& received);
  Status Handle(const Forget& forget, Received<ToWorker>& received);
  Status Handle(const ChoiceReply& reply, Received<ToWorker>& received);
  Status Handle(const BinderReply& reply, Received<ToWorker>& received);
  Status Handle(const PskProofReply& reply, Received<ToWorker>& received);
  Status Handle(const SecretReply& reply, Received<ToWorker>& received);
  void Handle(const ChainReply& reply, ByteView payload);
  void Handle(const SignReply& reply, ByteView payload);

  Status AskChain(JobId job, CredentialId credential);
  Status AskChainsOf(const WaitingJob& waiting);
  void AskChains();
  void Start(WaitingJob waiting, OurSide ours);
  std::optional<handshake::LocalCertificates> CertificatesOf(
      const Job& job) const;
  void StartWaiting();
  void RefuseWaiting(JobId job, const Error& error);
  void RefuseOverdue(JobId job);
  void AfterEvent(JobId job);
  void KeepDeadline(JobId job, RunningJob& running);
  void ResumeBlocked();
  Status NoteBlocked(JobId job, Status sent);
  void Report(const JobReport& report);
  void SendReports();
  void Lose(std::optional<Link>& link, const Error& error);
  Connection* Find(JobId job);

  Link monitor_;
  std::optional<Link> keeper_;
  std::optional<Link> verifier_;
  ktls::SocketOps& ktls_ops_;
  EventLoop loop_;
  Status stopped_ = Ok{};

  std::unordered_map<JobId, RunningJob> connections_;
  std::unordered_map<CredentialId, Shared<handshake::LocalCertificate>>
      certificates_;
  std::vector<WaitingJob> waiting_;      // for a chain of their credentials
  std::set<CredentialId> asked_chains_;  // and not answered yet
  std::vector<JobId> blocked_;           // by a full link
  std::deque<JobReport> unsent_reports_;
};

}  // namespace ktlsd::agent
