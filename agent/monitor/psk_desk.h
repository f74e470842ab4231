// The PSKs of jobs: what a worker may have of them, and what it had.
//
// Scope:     looks up the keys of a request, computes binders of clients,
//            checks those that servers got, computes Handshake Secrets, and
//            answers the worker. The key is read for each of them and wiped; no
//            worker gets it, or an Early Secret. That a job is the worker's own
//            is checked before (switchboard.h).
// Layer:     agent/monitor.
// Threads:   one thread; never blocks.
// Design:    docs/design/process-model.md
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/keyring/keyrings.h"
#include "agent/keyring/psk_lookup.h"
#include "agent/monitor/plan.h"
#include "agent/netlink/request.h"
#include "base/hkdf.h"
#include "base/result.h"

namespace ktlsd::agent {

// What is known of the PSK of a job, from nobody but this desk.
struct PskEvidence {
  // The one whose Handshake Secret the worker was given, after a binder.
  std::optional<NamedPsk> used;
  // Why the monitor could not do what was asked.
  std::optional<Code> failure;
  std::string reason;
  int os_error = 0;
  // For the log: of the one that is used or was chosen, else of the first that
  // was offered.
  std::string identity;
  KeySerial serial = 0;  // of the same; 0: no key of ours
};

class PskDesk {
 public:
  // `keyrings` must outlive this.
  explicit PskDesk(Keyrings& keyrings)
      : keyrings_(keyrings), lookup_(keyrings) {}

  void SetDefaultHash(HashAlgorithm hash) { lookup_.SetDefaultHash(hash); }

  // Begins a job with a PSK: puts into `plan` what a client offers, and takes
  // away the suites that fit none of it. Keys that cannot be used are left out
  // while there are others.
  // Errors: kKeyUnavailable, kKeyRejected  of the first key of the request
  //         kKeyUnavailable  no keyring of the group's is there
  //         kConfigUnusable  a keyring of the host's, for another namespace
  //         kCipherNotOffloadable  this kernel has no suite for the PSKs
  Status Begin(JobId job, const Request& request, Plan& plan);
  // Of any job, also one without a PSK.
  void End(JobId job) { jobs_.erase(job); }
  PskEvidence EvidenceOf(JobId job) const;

  // Answer one request of the job's worker, the payload behind it included.
  // Each may be asked once, a client's binder once more after a
  // HelloRetryRequest; the secret only after a binder, which of a server is its
  // client's and right, and nothing after it.
  // Errors: kWorkerMisbehaved it asked for more, or reads no answers
  Status Serve(Link& worker, const ChoiceRequest& request, ByteView identities);
  Status Serve(Link& worker, const BinderRequest& request, ByteView nothing);
  Status Serve(Link& worker, const PskProofRequest& request, ByteView nothing);
  Status Serve(Link& worker, const SecretRequest& request, ByteView ecdhe);

 private:
  struct Usable {
    NamedPsk psk;
    unsigned binders = 0;  // that were given, or checked
    bool bound = false;    // one was given, or was right
  };
  struct Job {
    Side side{};
    bool choice_asked = false;
    // Of a server: where its client's PSK may be.
    std::vector<KeySerial> keys;      // empty: all of `keyrings`
    std::vector<KeySerial> keyrings;  // none: the host's
    std::vector<Usable> usable;       // what is offered, or the one chosen
    PskEvidence evidence;
  };

  Status BeginServer(Job& job, const Request& request, const Plan& plan);
  bool LooksAmongTheHosts(const Job& job);
  Status BeginClient(Job& job, const Request& request, Plan& plan);
  Result<std::optional<PskLookup::Found>> Choose(
      const Job& job, const std::vector<Bytes>& identities,
      const std::vector<HashAlgorithm>& hashes);
  Result<Job*> Find(JobId id);
  static Result<Usable*> UsableOf(Job& job, std::size_t index,
                                  WirePskHash hash);
  Result<HashSecret> MakeBinder(const NamedPsk& psk,
                                const BinderRequest& request);
  Status CheckProof(const NamedPsk& psk, const PskProofRequest& request);
  Result<HashSecret> MakeSecret(const NamedPsk& psk, ByteView ecdhe);

  Keyrings& keyrings_;
  PskLookup lookup_;
  std::map<JobId, Job> jobs_;
};

}  // namespace ktlsd::agent
