// Every message between the daemon's processes, and who may send it to whom.
//
//   monitor  <-> worker    jobs and reports; what is computed with PSKs
//   monitor  <-> keeper    terms of signing, credentials; notices
//   monitor  <-> verifier  terms of verdicts, trust; notices
//   worker   <-> keeper    chains and signatures
//   worker   <-> verifier  proofs of the peer
//
// Scope:     fixed layouts without padding, each behind a Header, some with a
//            bounded payload behind them. Written for the day that a worker is
//            hostile: Check() of a message refuses every value that no honest
//            sender writes. What it says about a job is still to be held
//            against the job.
// Layer:     agent/ipc.
// Threads:   value types.
// Design:    docs/design/process-model.md
//
// Order. The monitor sends terms before it hands the job to the worker; keeper
// and verifier send their notice to the monitor before they answer the worker.
// So the keeper and the verifier drain the monitor's link before they look at
// a worker's message, and the monitor drains theirs before it judges a report.
// A request for a job that is not known (any more) gets the reply
// kDeadlineTotal: the monitor may have ended it a moment ago.
#pragma once

#include "agent/ipc/keeper_messages.h"    // IWYU pragma: export
#include "agent/ipc/psk_messages.h"       // IWYU pragma: export
#include "agent/ipc/shared_messages.h"    // IWYU pragma: export
#include "agent/ipc/verifier_messages.h"  // IWYU pragma: export
#include "agent/ipc/worker_messages.h"    // IWYU pragma: export
