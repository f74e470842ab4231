// The keeper: holds the private keys, and signs for the jobs that the monitor
// announced.
//
// Scope:     one CertificateVerify signature for each job, in the role that the
//            monitor's terms name, for the worker that they name. The signed
//            content is made here; a worker supplies a hash and nothing else.
//            A keeper reads no byte of a peer but that hash.
// Layer:     agent/keeper.
// Threads:   one.
// Privilege: none; the monitor opens files and reads keyrings.
// Design:    docs/design/process-model.md
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/ipc/wire_types.h"
#include "agent/keeper/token_keys.h"
#include "agent/service/loaded.h"
#include "agent/service/role_output.h"
#include "base/bytes.h"
#include "base/result.h"
#include "handshake/credential.h"

namespace ktlsd::agent {

// What the monitor can make a keeper hold; beyond that, loads are refused and
// jobs are not known.
inline constexpr std::size_t kMaxCredentials = 4096;
inline constexpr std::size_t kMaxSigningJobs = 1U << 17;

class Keeper {
 public:
  using FromMonitor = ToKeeper;
  using FromWorker = WorkerToKeeper;
  using Notice = FromKeeper;
  using Answer = KeeperToWorker;
  using Output = RoleOutput<Notice, Answer>;

  // `output` and `tokens` must outlive the keeper.
  Keeper(Output& output, const TokenKeys& tokens)
      : output_(output), tokens_(tokens) {}

  void HandleMonitorMessage(const Received<FromMonitor>& received);

  // Errors: kApiMisuse, with the reason, when `worker` asks for what no honest
  //         worker asks for; those of the output. Then drop the worker.
  Status HandleWorkerMessage(WorkerId worker,
                             const Received<FromWorker>& received);

  void DropWorker(WorkerId worker);

  std::size_t job_count() const { return jobs_.size(); }
  std::size_t credential_count() const { return credentials_.size(); }

 private:
  enum class Signature : uint8_t { kDue, kGiven };
  // Does the job keep its credential from being forgotten?
  enum class Holds : uint8_t { kNothing, kIt };
  struct Job {
    JobCredentials credentials;
    WorkerId worker;
    handshake::Role signer;
    Signature signature = Signature::kDue;
    std::array<Holds, kMaxJobCredentials> holds{};  // of each credential
  };
  using Jobs = std::unordered_map<JobId, Job>;

  void Handle(const AddWorker& message, const Received<FromMonitor>& received);
  void Handle(const TakeBell& message, const Received<FromMonitor>& received);
  void Handle(const RemoveWorker& message,
              const Received<FromMonitor>& received);
  void Handle(const SigningTerms& terms, const Received<FromMonitor>& received);
  void Handle(const LoadCredential& load,
              const Received<FromMonitor>& received);
  void Handle(const EndJob& end, const Received<FromMonitor>& received);
  void Handle(const Forget& forget, const Received<FromMonitor>& received);

  Status Handle(WorkerId worker, const ChainRequest& request);
  Status Handle(WorkerId worker, const SignRequest& request);

  Status Sign(Job& job, const SignRequest& request,
              const handshake::Credential& credential);
  Result<Jobs::iterator> FindJob(WorkerId worker, JobId id);
  void EndIfKnown(JobId id);
  Jobs::iterator End(Jobs::iterator job);

  Output& output_;
  const TokenKeys& tokens_;
  LoadedTable<handshake::Credential> credentials_{kMaxCredentials};
  Jobs jobs_;
};

}  // namespace ktlsd::agent
