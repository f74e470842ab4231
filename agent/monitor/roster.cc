#include "agent/monitor/roster.h"

#include <algorithm>

namespace ktlsd::agent {
namespace {

constexpr std::size_t kMaxEnded = 1024;

}  // namespace

void Roster::Add(WorkerId id, Pool pool, Link link) {
  workers_.emplace(id, Worker{id, pool, std::move(link), {}, {}});
}

std::set<JobId> Roster::Remove(WorkerId id) {
  auto worker = workers_.extract(id);
  return worker.empty() ? std::set<JobId>()
                        : std::move(worker.mapped().running);
}

Roster::Worker* Roster::Find(WorkerId id) {
  const auto worker = workers_.find(id);
  return worker == workers_.end() ? nullptr : &worker->second;
}

Roster::Worker* Roster::Pick(Pool pool) {
  const auto burden = [](const Worker& worker) {
    return std::pair(worker.retiring(), worker.running.size());
  };
  Worker* best = nullptr;
  for (auto& [id, worker] : workers_) {
    if (worker.pool == pool && worker.has_room() &&
        (best == nullptr || burden(worker) < burden(*best))) {
      best = &worker;
    }
  }
  return best;
}

std::vector<WorkerId> Roster::Ids() const {
  std::vector<WorkerId> ids;
  ids.reserve(workers_.size());
  for (const auto& [id, worker] : workers_) {
    ids.push_back(id);
  }
  return ids;
}

std::optional<MonotonicTime> Roster::NextLook() const {
  std::optional<MonotonicTime> first;
  for (const auto& [id, worker] : workers_) {
    if (const auto look = worker.pulse.NextLook()) {
      first = std::min(first.value_or(*look), *look);
    }
  }
  return first;
}

void Roster::Begin(Worker& worker, JobId job) {
  worker.running.insert(job);
  ++worker.taken;
}

void Roster::EndEarly(Worker& worker, JobId job) {
  if (worker.running.erase(job) > 0) {
    worker.ended.push_back(job);
  }
  if (worker.ended.size() > kMaxEnded) {
    worker.ended.pop_front();
  }
}

void Roster::NoteLate(Worker& worker, std::size_t jobs, MonotonicTime now) {
  const std::size_t held = worker.running.size() + jobs;
  worker.allowance = std::clamp(held / 2, kLeastAllowance, worker.allowance);
  worker.pulse.Late(now, worker.link.unread());
}

Roster::Claim Roster::ClaimOf(const Worker& worker, JobId job) {
  if (worker.running.contains(job)) {
    return Claim::kRunning;
  }
  return std::ranges::find(worker.ended, job) == worker.ended.end()
             ? Claim::kNotIts
             : Claim::kEnded;
}

Roster::Claim Roster::TakeReport(Worker& worker, JobId job) {
  if (worker.running.erase(job) > 0) {
    worker.allowance = std::min(worker.allowance + 1, kMaxJobsPerWorker);
    return Claim::kRunning;
  }
  const auto ended = std::find(worker.ended.begin(), worker.ended.end(), job);
  if (ended == worker.ended.end()) {
    return Claim::kNotIts;
  }
  worker.ended.erase(ended);
  return Claim::kEnded;
}

}  // namespace ktlsd::agent
