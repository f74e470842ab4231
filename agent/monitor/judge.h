// Whether a worker's report of success may be believed so far.
//
// Scope:     holds the report against what keeper, verifier and PSK desk noted
//            for the same job. The kernel's own state is read after that, by
//            ktls::Verify.
// Layer:     agent/monitor.
// Threads:   pure functions.
#pragma once

#include <optional>
#include <vector>

#include "agent/ipc/messages.h"
#include "agent/monitor/plan.h"
#include "agent/monitor/psk_desk.h"
#include "agent/upcall/upcall.h"
#include "base/bytes.h"
#include "base/result.h"

namespace ktlsd::agent {

// What is known of a job from others than its worker.
struct Evidence {
  bool signed_once = false;  // the keeper signed for it
  std::optional<Verdict> verdict;
  // Of a verified peer, as far as it was wanted; not looked into.
  std::vector<Bytes> chain;
  PskEvidence psk;
};

// Returns what the kernel may be told about the peer.
// Errors: kWorkerMisbehaved the report cannot be true
Result<RemoteAuth> JudgeSuccess(const Plan& plan, const Evidence& evidence,
                                const JobReport& report);

// The code of a job that its worker reports as failed. The verifier's verdict,
// and what the monitor saw of a PSK, count more than the worker's word, and no
// worker can end a host's reconnecting for good.
Code JudgeFailure(const Evidence& evidence, const JobReport& report);

}  // namespace ktlsd::agent
