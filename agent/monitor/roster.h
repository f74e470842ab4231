// The workers there are, by pool, and what each owes.
//
// Scope:     links and counts; no process and no job.
// Layer:     agent/monitor.
// Threads:   one thread.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
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
// Each group of network namespaces beside our own (its name in the
// configuration; "" is ours) has pools of its own.
enum class Pool : uint8_t { kServer, kClient, kPsk };

class Roster {
 public:
  // What one worker may hold at once.
  static constexpr std::size_t kMaxJobsPerWorker = 2048;
  // Of those that the monitor ended it remembers so many: all that it held may
  // be ended at once, and as many again before it hears of the first.
  static constexpr std::size_t kMostEnded = 2 * kMaxJobsPerWorker;
  // A worker of which a job was late may hold half as many as it had, not less
  // than this, and one more for each that it ends: so many at once that none
  // gets done in time help nobody.
  static constexpr std::size_t kLeastAllowance = 64;
  // After so many jobs, or when it has aged, a worker is replaced as soon as it
  // has none; until then it takes more only when nobody else can, and at most
  // as many again.
  static constexpr std::size_t kJobsPerLife = 20'000;

  struct Worker {
    WorkerId id;
    Pool pool;
    std::string group;
    Link link;
    std::set<JobId> running;
    // Ended by the monitor. Of each a report may still be under way, and one
    // question, as a worker waits for each answer. The newest ones.
    struct Ended {
      bool asked = false;
    };
    std::map<JobId, Ended> ended;
    std::size_t taken = 0;
    bool aged = false;  // it was started long ago
    std::size_t allowance = kMaxJobsPerWorker;
    Pulse pulse{};
    bool given_up = false;  // it is about to be ended
    bool leaving = false;   // its group is gone: it takes no more jobs
    std::optional<LoopChosen> loop{};  // once it has said so

    // One without any job yet holds nothing of anybody.
    bool retiring() const {
      return taken >= kJobsPerLife || (aged && taken > 0);
    }
    bool has_room() const {
      return !given_up && !leaving && !pulse.behind() &&
             running.size() < allowance && taken < 2 * kJobsPerLife;
    }
  };

  void Add(WorkerId id, Pool pool, Link link, std::string group = "");
  // The jobs that were running there.
  std::set<JobId> Remove(WorkerId id);
  Worker* Find(WorkerId id);
  // Who of `group`'s `pool` takes the next job, if anybody: one that is not
  // retiring before one that is, then the one with the fewest jobs.
  Worker* Pick(Pool pool, const std::string& group = "");
  std::vector<WorkerId> Ids() const;
  // When to look again how those do that are behind.
  std::optional<MonotonicTime> NextLook() const;

  // `id`, if it is here, gets nothing more and is believed nothing more.
  void GiveUp(WorkerId id);

  static void Begin(Worker& worker, JobId job);
  // The monitor answers `job` itself.
  static void EndEarly(Worker& worker, JobId job);
  // The monitor has just ended `jobs` of its jobs that were late.
  static void NoteLate(Worker& worker, std::size_t jobs, MonotonicTime now);
  // Whether `worker` may ask about `job` or report it now, and that it has.
  enum class Claim : uint8_t { kRunning, kEnded, kNotIts, kTooOften };
  static Claim TakeQuestion(Worker& worker, JobId job);
  static Claim TakeReport(Worker& worker, JobId job);

 private:
  std::map<WorkerId, Worker> workers_;
};

}  // namespace ktlsd::agent
