#include "agent/monitor/roster.h"

#include <algorithm>
#include <utility>

namespace ktlsd::agent {
void Roster::Add(WorkerId id, Pool pool, Link link, std::string group) {
  workers_.emplace(id,
                   Worker{id, pool, std::move(group), std::move(link), {}, {}});
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

Roster::Worker* Roster::Pick(Pool pool, const std::string& group) {
  const auto burden = [](const Worker& worker) {
    return std::pair(worker.retiring(), worker.running.size());
  };
  Worker* best = nullptr;
  for (auto& [id, worker] : workers_) {
    if (worker.pool == pool && worker.group == group && worker.has_room() &&
        (best == nullptr || burden(worker) < burden(*best))) {
      best = &worker;
    }
  }
  return best;
}

void Roster::GiveUp(WorkerId id) {
  if (Worker* const worker = Find(id)) {
    worker->given_up = true;
  }
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
    worker.ended.emplace(job, Worker::Ended());
  }
  if (worker.ended.size() > kMostEnded) {
    worker.ended.erase(worker.ended.begin());
  }
}

void Roster::NoteLate(Worker& worker, std::size_t jobs, MonotonicTime now) {
  const std::size_t held = worker.running.size() + jobs;
  worker.allowance = std::clamp(held / 2, kLeastAllowance, worker.allowance);
  worker.pulse.Late(now, worker.link.unread());
}

Roster::Claim Roster::TakeQuestion(Worker& worker, JobId job) {
  if (worker.running.contains(job)) {
    return Claim::kRunning;
  }
  const auto ended = worker.ended.find(job);
  if (ended == worker.ended.end()) {
    return Claim::kNotIts;
  }
  return std::exchange(ended->second.asked, true) ? Claim::kTooOften
                                                  : Claim::kEnded;
}

Roster::Claim Roster::TakeReport(Worker& worker, JobId job) {
  if (worker.running.erase(job) > 0) {
    worker.allowance = std::min(worker.allowance + 1, kMaxJobsPerWorker);
    return Claim::kRunning;
  }
  return worker.ended.erase(job) > 0 ? Claim::kEnded : Claim::kNotIts;
}

}  // namespace ktlsd::agent
