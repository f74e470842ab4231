// The verifier: judges the chains and CertificateVerify signatures of peers.
//
// Scope:     one verdict for each job that the monitor announced. The peer's
//            role and name and the trust store are those of the monitor's
//            terms, never a worker's; the verdict goes to the monitor first.
//            Paths of peers that come back are remembered (chain_memory.h).
// Layer:     agent/verifier.
// Threads:   one.
// Privilege: none; the monitor opens files.
// Design:    docs/design/process-model.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/ipc/wire_types.h"
#include "agent/service/loaded.h"
#include "agent/service/role_output.h"
#include "agent/verifier/allow_list.h"
#include "agent/verifier/chain_memory.h"
#include "agent/verifier/session_tags.h"
#include "base/clock.h"
#include "base/result.h"
#include "handshake/peer_proof.h"
#include "handshake/peer_verifier.h"
#include "handshake/validity_window.h"

namespace ktlsd::agent {

// What the monitor can make a verifier hold; beyond that, loads are refused
// and jobs are not known.
inline constexpr std::size_t kMaxTrustStores = 256;
inline constexpr std::size_t kMaxVerdictJobs = 1U << 17;

class Verifier {
 public:
  using FromMonitor = ToVerifier;
  using FromWorker = WorkerToVerifier;
  using Notice = FromVerifier;
  using Answer = VerifierToWorker;
  using Output = RoleOutput<Notice, Answer>;

  // `output` and `clock` must outlive the verifier.
  Verifier(Output& output, const Clock& clock)
      : output_(output), clock_(clock) {}

  void HandleMonitorMessage(const Received<FromMonitor>& received);

  // Errors: kApiMisuse, with the reason, when `worker` asks for what no honest
  //         worker asks for; those of the output. Then drop the worker.
  Status HandleWorkerMessage(WorkerId worker,
                             const Received<FromWorker>& received);

  void DropWorker(WorkerId worker);

  std::size_t job_count() const { return jobs_.size(); }
  std::size_t trust_count() const { return trust_.size(); }
  std::size_t remembered_count() const { return memory_.size(); }

 private:
  enum class Judgement : uint8_t { kDue, kGiven };
  // Does the job keep its trust store from being forgotten?
  enum class Holds : uint8_t { kNothing, kIt };
  struct Job {
    TrustId trust;
    WorkerId worker;
    Side peer;
    std::string server_name;  // as the kernel gave it
    Judgement judgement = Judgement::kDue;
    Holds holds = Holds::kNothing;
    ChainWanted wanted = ChainWanted::kNothing;  // by the monitor
  };
  using Jobs = std::unordered_map<JobId, Job>;
  using Judged = ChainMemory::Judged;

  struct Trust {
    handshake::TrustStore store;
    AllowList allowed;  // empty: nobody is left out
    handshake::CertificateProfile profile;
  };

  void Handle(const AddWorker& message, const Received<FromMonitor>& received);
  void Handle(const TakeBell& message, const Received<FromMonitor>& received);
  void Handle(const RemoveWorker& message,
              const Received<FromMonitor>& received);
  void Handle(const VerdictTerms& terms, const Received<FromMonitor>& received);
  void Handle(const LoadTrust& load, const Received<FromMonitor>& received);
  void Handle(const LoadTags& load, const Received<FromMonitor>& received);
  void Handle(const Recheck& recheck, const Received<FromMonitor>& received);
  void Handle(const EndJob& end, const Received<FromMonitor>& received);
  void Handle(const Forget& forget, const Received<FromMonitor>& received);

  Status Handle(WorkerId worker, const ProofRequest& request, ByteView payload);
  static Result<Trust> Load(const LoadTrust& load,
                            const Received<FromMonitor>& received);
  // What is asked of a peer now; a name that is none is refused.
  Result<handshake::PeerPolicy> PolicyFor(Side peer,
                                          std::string_view server_name,
                                          const Trust& trust) const;
  Judged Judge(const Job& job, const handshake::PeerProof& proof);
  std::variant<handshake::ValidityWindow, handshake::Refusal> JudgeAgain(
      const Recheck& recheck, ByteView payload) const;
  Status Tell(const Job& job, const ProofRequest& request, const Judged& judged,
              const std::vector<Bytes>& chain);
  void EndIfKnown(JobId id);
  Jobs::iterator End(Jobs::iterator job);
  void DropMemoryOf(TrustId trust);

  Output& output_;
  const Clock& clock_;
  LoadedTable<Trust> trust_{kMaxTrustStores};
  ChainMemory memory_;
  SessionTags tags_;
  Jobs jobs_;
};

}  // namespace ktlsd::agent
