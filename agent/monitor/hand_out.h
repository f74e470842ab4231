// What the roles are told about one job: terms, the job itself, its end.
//
// Scope:     builds and sends the messages; keeps nothing.
// Layer:     agent/monitor.
// Threads:   pure functions but for the links.
#pragma once

#include <chrono>

#include "agent/ipc/link.h"
#include "agent/monitor/answers.h"
#include "agent/monitor/plan.h"
#include "agent/monitor/resources.h"
#include "base/result.h"

namespace ktlsd::agent {

// Tells keeper and verifier what `worker` may have of them for `job`.
// Errors: kKeeperUnavailable, kVerifierUnavailable.
Status SendTerms(Resources& resources, JobId job, const Plan& plan,
                 WorkerId worker);

// Tells them that it may have nothing more, with the next terms or soon.
void EndTerms(Resources& resources, JobId job, const Plan& plan);

// Hands the job and its socket to a worker, which has `total` for it.
// Errors: kTooBusy, kWorkerDied.
Status SendJob(Link& worker, const Ticket& ticket, const Plan& plan,
               std::chrono::milliseconds total);

}  // namespace ktlsd::agent
