// The jobs that the monitor ends by itself: a role is gone, the time is over,
// the daemon stops.
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "agent/monitor/job_desk.h"

namespace ktlsd::agent {

void JobDesk::FailUnsigned() {
  std::set<JobId> jobs;
  for (const auto& [id, job] : running_) {
    if (job.plan.shows_certificate() && !job.evidence.signed_once) {
      jobs.insert(id);
    }
  }
  FailJobsOf(jobs, Code::kKeeperUnavailable, "the keeper is gone");
}

void JobDesk::FailUnverified() {
  std::set<JobId> jobs;
  for (const auto& [id, job] : running_) {
    if (job.plan.trust != 0 && !job.evidence.verdict.has_value()) {
      jobs.insert(id);
    }
  }
  FailJobsOf(jobs, Code::kVerifierUnavailable, "the verifier is gone");
}

std::set<WorkerId> JobDesk::Overdue() const {
  std::set<WorkerId> workers;
  for (const auto& [id, job] : running_) {
    if (job.ticket.deadline <= around_.clock.Now()) {
      workers.insert(job.worker);
    }
  }
  return workers;
}

// A worker ends a job before its time is over and says why: one that is still
// here has no peer to blame.
void JobDesk::EndOverdue() {
  const MonotonicTime now = around_.clock.Now();
  answers_.OnTime();
  std::map<WorkerId, std::set<JobId>> late;
  for (const auto& [id, job] : running_) {
    if (job.ticket.deadline > now) {
      continue;
    }
    late[job.worker].insert(id);
  }
  for (const auto& [id, jobs] : late) {
    FailJobsOf(jobs, Code::kTooBusy, "the worker is late");
    if (Roster::Worker* worker = around_.roster.Find(id)) {
      Roster::NoteLate(*worker, jobs.size(), now);
    }
  }
  UseRoom();
}

std::optional<MonotonicTime> JobDesk::NextWake() const {
  std::optional<MonotonicTime> first = answers_.NextWake();
  const auto consider = [&first](std::optional<MonotonicTime> time) {
    if (time.has_value()) {
      first = std::min(first.value_or(*time), *time);
    }
  };
  for (const auto& [id, job] : running_) {
    consider(job.ticket.deadline);
  }
  for (const Queued& queued : queue_) {
    consider(queued.ticket.deadline - kWorkersMargin);
  }
  for (const Source& source : sources_) {
    if (!closed_) {
      consider(source.pace.NextTry());
    }
  }
  consider(around_.roster.NextLook());
  return first;
}

void JobDesk::Close() {
  closed_ = true;
  Account stopping;
  stopping.reason = "the agent is stopping";
  for (Queued& queued : std::exchange(queue_, {})) {
    answers_.FailNow(std::move(queued.ticket), Code::kShuttingDown, stopping);
  }
  for (auto& [id, job] : std::exchange(running_, {})) {
    static_cast<void>(
        around_.socket_ops.Shutdown(job.ticket.upcall.socket(), SHUT_RDWR));
    psks_.End(id);
    answers_.FailNow(std::move(job.ticket), Code::kShuttingDown, stopping);
  }
  answers_.SendAll();
}

}  // namespace ktlsd::agent
