// Keeps the role processes running.
//
// Scope:     one seat for each process there should be: started, watched,
//            ended when it has to go, started again with growing pauses.
// Layer:     agent/monitor.
// Threads:   one thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ipc/messages.h"
#include "agent/log/log_event.h"
#include "agent/monitor/monitor_loop.h"
#include "agent/monitor/roster.h"
#include "agent/monitor/spawn.h"
#include "agent/monitor/switchboard.h"
#include "agent/sandbox/cell.h"
#include "agent/sandbox/process_role.h"
#include "base/clock.h"
#include "base/result.h"

namespace ktlsd::agent {

class Supervisor {
 public:
  // All must outlive this.
  Supervisor(MonitorLoop& loop, Switchboard& switchboard, LogSink& log,
             const Clock& clock, const Cell& cell)
      : loop_(loop),
        switchboard_(switchboard),
        log_(log),
        clock_(clock),
        cell_(cell) {}
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor();

  // A keeper, a verifier and so many workers for each pool.
  void Start(unsigned workers_per_pool);
  // And one worker for each pool of each of these groups of network namespaces.
  // Those of other groups get no more jobs, and end once they have none: each
  // has its deadline. A group that comes back gets new ones.
  // Not to be called from an event's callback.
  void StartGroups(const std::vector<std::string>& groups);
  // Ends whom the switchboard dismissed; starts what is due. Not to be called
  // from an event's callback.
  void OnTime();
  std::optional<MonotonicTime> NextWake() const;
  // Has the loop tell of what Switchboard::ListensTo() says, and no more. To be
  // called before each wait.
  void Listen();

  // Each process there should be; those about to be started have pid 0.
  struct Process {
    ProcessRole role;
    Pool pool;        // of a worker
    WorkerId worker;  // of a worker
    pid_t pid;
    MonotonicTime started;
  };
  std::vector<Process> Processes() const;

  // Nothing is started any more; every process finds its link closed.
  void Close();
  bool all_ended() const;

 private:
  struct Seat {
    ProcessRole role;
    Pool pool{};
    std::string group;   // of network namespaces; "": our own
    bool wanted = true;  // to be filled again; once false, it stays so
    pid_t pid = 0;       // 0: empty
    WorkerId worker = 0;
    // Nothing depends on it, or all of that is answered: it only has to end.
    bool lost = true;
    bool retired = false;  // it did well
    MonitorLoop::WatchPtr link_watch;
    MonitorLoop::WatchPtr end_watch;
    MonotonicTime started{};
    MonotonicTime start_at{};
    std::chrono::milliseconds pause{0};
  };

  void AddSeat(ProcessRole role, Pool pool, std::string group = "");
  void AddWorkers(const std::string& group);
  void Fill(Seat& seat);
  Status Occupy(Seat& seat, Spawned spawned);
  void Connect(Seat& seat, Link link);
  void OnReadable(Seat& seat);
  void EndFor(Seat& seat, const Error& error);
  void OnEnd(Seat& seat, const std::string& how);
  Status Read(const Seat& seat, Switchboard::Extent extent);
  // Answers for what depended on the process.
  void Lose(Seat& seat, Code code, const std::string& reason);
  void Dismiss(Seat& seat, Code code, const std::string& reason);
  void EndBrokenServices();
  void ReplaceOutdatedKeeper();
  void ReplaceWhoHangs();
  void LogLoop(const LoopChosen& loop);
  void LogEnd(const Seat& seat, const std::string& how);
  void LogFailure(const Seat& seat, const Error& error);
  void LogDismissal(const Seat& seat, EventKind kind, LogLevel level,
                    std::string_view reason);

  MonitorLoop& loop_;
  Switchboard& switchboard_;
  LogSink& log_;
  const Clock& clock_;
  const Cell& cell_;
  std::vector<std::unique_ptr<Seat>> seats_;
  // Not destroyed in their own callback.
  std::vector<MonitorLoop::WatchPtr> finished_;
  WorkerId last_worker_ = 0;
  bool closed_ = false;
};

}  // namespace ktlsd::agent
