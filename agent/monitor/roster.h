// The workers there are, by pool, and what each owes.
//
// Scope:     links and counts; no process and no job.
// Layer:     agent/monitor.
// Threads:   one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/ipc/wire_types.h"
#include "agent/monitor/pulse.h"
#include "base/clock.h"

namespace ktlsd::agent {

// How far a worker may be trusted with what the others hold: a pool for each
// side, so that a worker that a client took over holds no handshake of ours as
// a client; and one for PSKs, which can ask for no signature and no verdict.
enum class Pool : uint8_t { kServer, kClient, kPsk };

class Roster {
 public:
  // What one worker may hold at once.
  static constexpr std::size_t kMaxJobsPerWorker = 512;
  // A worker of which a job was late may hold half as many as it had, not less
  // than this, and one more for each that it ends: so many at once that none
  // gets done in time help nobody.
  static constexpr std::size_t kLeastAllowance = 64;
  // After so many jobs a worker is replaced, as soon as it has none; until
  // then it takes more only when nobody else can, and at most as many again.
  static constexpr std::size_t kJobsPerLife = 20'000;

  struct Worker {
    WorkerId id;
    Pool pool;
    Link link;
    std::set<JobId> running;
    // Ended by the monitor; a report may still be under way. The newest ones.
    std::deque<JobId> ended;
    std::size_t taken = 0;
    std::size_t allowance = kMaxJobsPerWorker;
    Pulse pulse{};
    bool given_up = false;             // it is about to be ended
    std::optional<LoopChosen> loop{};  // once it has said so

    bool retiring() const { return taken >= kJobsPerLife; }
    bool has_room() const {
      return !given_up && !pulse.behind() && running.size() < allowance &&
             taken < 2 * kJobsPerLife;
    }
  };

  void Add(WorkerId id, Pool pool, Link link);
  // The jobs that were running there.
  std::set<JobId> Remove(WorkerId id);
  Worker* Find(WorkerId id);
  // Who of `pool` takes the next job, if anybody: one that is not retiring
  // before one that is, then the one with the fewest jobs.
  Worker* Pick(Pool pool);
  std::vector<WorkerId> Ids() const;
  // When to look again how those do that are behind.
  std::optional<MonotonicTime> NextLook() const;

  static void Begin(Worker& worker, JobId job);
  // The monitor answers `job` itself.
  static void EndEarly(Worker& worker, JobId job);
  // The monitor has just ended `jobs` of its jobs that were late.
  static void NoteLate(Worker& worker, std::size_t jobs, MonotonicTime now);
  // Whether `worker` may report `job` now, and that it has.
  enum class Claim : uint8_t { kRunning, kEnded, kNotIts };
  static Claim ClaimOf(const Worker& worker, JobId job);
  static Claim TakeReport(Worker& worker, JobId job);

 private:
  std::map<WorkerId, Worker> workers_;
};

}  // namespace ktlsd::agent
