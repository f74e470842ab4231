// Every request from ACCEPT to its answer.
//
// Scope:     admission, terms, hand-out to a worker, judgement of its report,
//            deadlines. Each request that is taken is answered once, whatever
//            fails.
// Layer:     agent/monitor.
// Threads:   one thread; never blocks.
// Privilege: CAP_NET_ADMIN, through HandshakeKernel.
// Design:    docs/design/process-model.md
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/keyring/keyrings.h"
#include "agent/log/log_event.h"
#include "agent/monitor/accept_pace.h"
#include "agent/monitor/answers.h"
#include "agent/monitor/judge.h"
#include "agent/monitor/live_sessions.h"
#include "agent/monitor/plan.h"
#include "agent/monitor/psk_desk.h"
#include "agent/monitor/resources.h"
#include "agent/monitor/roster.h"
#include "agent/netlink/handshake_kernel.h"
#include "agent/netlink/keyring_uses.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "ktls/socket_ops.h"
#include "ktls/verify.h"

namespace ktlsd::agent {

// What the desk works with; all that is referred to must outlive it.
struct Surroundings {
  HandshakeKernel& kernel;  // of the daemon's own network namespace
  Keyrings& keyrings;
  KeyringUses& keyring_uses;
  ktls::SocketOps& socket_ops;
  const Clock& clock;
  LogSink& log;
  Resources& resources;
  Roster& roster;
  // Sessions that are up and watched.
  LiveSessions& live;
  // What a job may agree on, best first: of our choice, what this kernel takes.
  std::vector<CipherSuite> suites;
  // Whether this kernel keeps to a peer's record_size_limit.
  bool record_size_limit = false;
};

class JobDesk {
 public:
  // Never more than `capacity` requests at once: each holds a descriptor, and
  // an ACCEPT that finds none free loses its request.
  JobDesk(Surroundings around, std::size_t capacity);

  // What waited in the kernel before we came has waited for nobody knows how
  // long; so has what there was no room for.
  enum class Age : uint8_t { kFresh, kOld };
  // ACCEPTs all that waits, or as much as there is room for: everywhere, or
  // in one network namespace. After a failure there only once its pause is
  // over.
  void TakeRequests(Age age);
  void TakeRequests(Age age, const HandshakeKernel& of);

  // Takes those of another network namespace, called `netns`, too.
  void AddKernel(HandshakeKernel& kernel, std::string netns);
  // Takes no more of it. It must outlive what HasOf() still tells of.
  void RemoveKernel(const HandshakeKernel& kernel);
  bool HasOf(const HandshakeKernel& kernel) const;
  // Hands out what can be: a worker has room, what it needs is loaded.
  void Dispatch();

  void OnSigned(JobId job);
  void OnPeerChain(JobId job, std::vector<Bytes> chain);
  void OnVerdict(const Verdict& verdict);
  // Errors: kWorkerMisbehaved: the worker is not to be trusted any more.
  Status OnReport(WorkerId from, const JobReport& report);

  void FailJobsOf(const std::set<JobId>& jobs, Code code,
                  const std::string& reason);
  // Those that still need something of a process that is gone.
  void FailUnsigned();
  void FailUnverified();

  // Workers whose jobs have passed the time by which they are answered.
  std::set<WorkerId> Overdue() const;
  // Answers for those jobs, and tells the workers. Tries the kernel again when
  // it failed and the pause is over.
  void EndOverdue();
  std::optional<MonotonicTime> NextWake() const;
  // Takes nothing more: the daemon is about to end, and what still comes is its
  // successor's. What was taken goes on.
  void TakeNoMore() { closed_ = true; }
  // Nothing goes on; answers that wait for their time need no waiting for.
  bool idle() const { return queue_.empty() && running_.empty(); }
  // Answers everything now, and takes nothing more.
  void Close();

  MonotonicTime now() const { return around_.clock.Now(); }
  const Answers::Counts& counts() const { return answers_.counts(); }
  std::size_t queued() const { return queue_.size(); }
  std::size_t running() const { return running_.size(); }
  std::size_t waiting_answers() const { return answers_.waiting(); }
  std::size_t capacity() const { return capacity_; }
  // What workers may have of the PSKs of their jobs.
  PskDesk& psks() { return psks_; }
  LiveSessions& live() { return around_.live; }

 private:
  struct Running {
    Ticket ticket;
    Plan plan;
    Evidence evidence;
    WorkerId worker;
    MonotonicTime dispatched;
  };
  struct Queued {
    Ticket ticket;
    bool seen = false;  // it was not refused at the first look
  };
  // Where requests come from.
  struct Source {
    HandshakeKernel& kernel;
    std::string netns;
    AcceptPace pace;
    bool more_waits = false;  // in the kernel, for want of room here
  };
  enum class Next : uint8_t { kDone, kWait };
  using Pools = std::set<std::pair<Pool, std::string>>;  // of a namespace
  // A worker ends a job by itself so long before the monitor would: it knows
  // why.
  static constexpr std::chrono::milliseconds kWorkersMargin{500};

  bool full() const;
  void TakeFrom(Source& source, Age age);
  void Admit(Source& source, Request request, Age age);
  // `busy`: pools of which somebody before waits for a worker.
  Next Consider(Queued& queued, Pools& busy);
  void Refuse(Ticket ticket, const Refused& refused, const Profile& profile);
  Status AddKeys(const Ticket& ticket, Plan& plan);
  void HandOut(Ticket ticket, Plan plan, Roster::Worker& worker);
  std::chrono::milliseconds TimeLeft(const Ticket& ticket) const;

  void ConcludeFailure(Running job, const JobReport& report);
  void Conclude(Running job, const JobReport& report, Status& verdict);
  Result<ktls::Offloaded> Confirm(const Running& job, const JobReport& report);
  void WatchSession(const Running& job);
  RemoteAuth AddPeerKey(const Running& job, RemoteAuth remote,
                        Account& account);
  std::optional<Running> Take(JobId job);
  static Account AccountOf(const Running& job);
  // Ends a job that its worker has not reported.
  void FailEarly(JobId job, Code code, const std::string& reason);
  void Fail(Running job, Code code, Account account);
  void Release(const Running& job);
  void UseRoom();

  Surroundings around_;
  std::size_t capacity_;
  PskDesk psks_;
  Answers answers_;
  std::list<Source> sources_;  // the own one first
  std::list<Queued> queue_;
  std::map<JobId, Running> running_;
  JobId last_job_ = 0;
  bool closed_ = false;
};

}  // namespace ktlsd::agent
