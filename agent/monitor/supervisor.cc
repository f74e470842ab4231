#include "agent/monitor/supervisor.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "agent/sandbox/loop_kind.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{5000};

bool IsKeeper(ProcessRole role) {
  return role == ProcessRole::kKeeper || role == ProcessRole::kTokenKeeper;
}

bool IsService(ProcessRole role) {
  return IsKeeper(role) || role == ProcessRole::kVerifier;
}

// A process that lived so long did not die of its start.
constexpr milliseconds kSoundLife{10'000};
// What took a worker over is gone with it then, and does not hold what comes.
constexpr std::chrono::hours kLongestLife{1};

}  // namespace

Supervisor::~Supervisor() {
  for (const auto& seat : seats_) {
    if (seat->pid != 0) {
      ::kill(seat->pid, SIGKILL);
    }
  }
}

void Supervisor::Start(unsigned workers_per_pool) {
  AddSeat(ProcessRole::kKeeper, Pool{});
  AddSeat(ProcessRole::kVerifier, Pool{});
  for (unsigned i = 0; i < workers_per_pool; ++i) {
    AddWorkers("");
  }
}

void Supervisor::AddSeat(ProcessRole role, Pool pool, std::string group) {
  seats_.push_back(std::make_unique<Seat>());
  seats_.back()->role = role;
  seats_.back()->pool = pool;
  seats_.back()->group = std::move(group);
  Fill(*seats_.back());
}

void Supervisor::AddWorkers(const std::string& group) {
  for (const Pool pool : {Pool::kServer, Pool::kClient, Pool::kPsk}) {
    AddSeat(ProcessRole::kWorker, pool, group);
  }
}

void Supervisor::StartGroups(const std::vector<std::string>& groups) {
  for (const auto& seat : seats_) {
    if (!seat->group.empty() &&
        std::ranges::find(groups, seat->group) == groups.end()) {
      seat->wanted = false;
      switchboard_.Retire(seat->worker);
    }
  }
  for (const std::string& group : groups) {
    const bool there = std::ranges::any_of(seats_, [&group](const auto& seat) {
      return seat->wanted && seat->group == group;
    });
    if (!there) {
      AddWorkers(group);
    }
  }
}

void Supervisor::Fill(Seat& seat) {
  const MonotonicTime now = clock_.Now();
  if (IsKeeper(seat.role)) {
    seat.role = switchboard_.keeper_role();
  }
  Result<Spawned> spawned = Spawn(seat.role, cell_);
  const Status occupied = spawned.ok()
                              ? Occupy(seat, std::move(spawned).value())
                              : Status(spawned.error());
  if (!occupied.ok()) {
    seat.pause = std::clamp(seat.pause * 2, kFirstPause, kLongestPause);
    seat.start_at = now + seat.pause;
    return LogFailure(seat, occupied.error());
  }
  seat.started = now;
}

Status Supervisor::Occupy(Seat& seat, Spawned spawned) {
  Result<MonitorLoop::WatchPtr> end_watch = loop_.OnChildEnd(
      spawned.pid, [this, &seat](const std::string& how) { OnEnd(seat, how); });
  Result<MonitorLoop::WatchPtr> link_watch = loop_.OnReadable(
      spawned.link.socket(), [this, &seat] { OnReadable(seat); });
  if (!end_watch.ok() || !link_watch.ok()) {
    // Its end would go unseen.
    ::kill(spawned.pid, SIGKILL);
    ::waitpid(spawned.pid, nullptr, 0);
    return end_watch.ok() ? link_watch.error() : end_watch.error();
  }
  seat.pid = spawned.pid;
  seat.lost = false;
  seat.retired = false;
  seat.end_watch = std::move(end_watch).value();
  seat.link_watch = std::move(link_watch).value();
  Connect(seat, std::move(spawned.link));
  return Ok{};
}

void Supervisor::Connect(Seat& seat, Link link) {
  switch (seat.role) {
    case ProcessRole::kKeeper:
    case ProcessRole::kTokenKeeper:
      return switchboard_.AddKeeper(std::move(link));
    case ProcessRole::kVerifier:
      return switchboard_.AddVerifier(std::move(link));
    case ProcessRole::kWorker:
      seat.worker = ++last_worker_;
      return switchboard_.AddWorker(seat.worker, seat.pool, std::move(link),
                                    seat.group);
  }
}

Status Supervisor::Read(const Seat& seat, Switchboard::Extent extent) {
  switch (seat.role) {
    case ProcessRole::kKeeper:
    case ProcessRole::kTokenKeeper:
      return switchboard_.ReadKeeper();
    case ProcessRole::kVerifier:
      return switchboard_.ReadVerifier();
    case ProcessRole::kWorker:
      return switchboard_.ReadWorker(seat.worker, extent);
  }
  return Ok{};
}

void Supervisor::OnReadable(Seat& seat) {
  const Status read = Read(seat, Switchboard::Extent::kTurn);
  if (!read.ok()) {
    EndFor(seat, read.error());
  }
}

// What reading its link gave.
void Supervisor::EndFor(Seat& seat, const Error& error) {
  const bool ended = error.code == Code::kPeerClosed;
  const bool lied = BrokeRules(error);
  if (lied) {
    LogDismissal(seat, EventKind::kProcessMisbehaved, LogLevel::kError,
                 error.what);
  } else if (!ended) {
    LogFailure(seat, error);
  }
  Dismiss(seat, lied ? Code::kWorkerMisbehaved : Code::kWorkerDied,
          std::string(ended ? "the worker ended" : error.what));
}

void Supervisor::OnEnd(Seat& seat, const std::string& how) {
  // Reports that it still sent count.
  static_cast<void>(Read(seat, Switchboard::Extent::kAll));
  Lose(seat, Code::kWorkerDied, "the worker ended: " + how);
  if (!closed_ && !seat.retired) {
    LogEnd(seat, how);
  }
  const MonotonicTime now = clock_.Now();
  finished_.push_back(std::move(seat.end_watch));
  seat.pid = 0;
  seat.pause = now - seat.started > kSoundLife
                   ? milliseconds(0)
                   : std::clamp(seat.pause * 2, kFirstPause, kLongestPause);
  seat.start_at = now + seat.pause;
}

void Supervisor::Lose(Seat& seat, Code code, const std::string& reason) {
  if (seat.lost) {
    return;
  }
  seat.lost = true;
  seat.link_watch->Stop();
  finished_.push_back(std::move(seat.link_watch));
  switch (seat.role) {
    case ProcessRole::kKeeper:
    case ProcessRole::kTokenKeeper:
      return switchboard_.LoseKeeper();
    case ProcessRole::kVerifier:
      return switchboard_.LoseVerifier();
    case ProcessRole::kWorker:
      return switchboard_.LoseWorker(seat.worker, code, reason);
  }
}

void Supervisor::Dismiss(Seat& seat, Code code, const std::string& reason) {
  if (seat.pid != 0) {
    ::kill(seat.pid, SIGKILL);
  }
  Lose(seat, code, reason);
}

// Once for all workers that have the same: they find the same kernel.
void Supervisor::LogLoop(const LoopChosen& loop) {
  LogEvent event{EventKind::kStarted, LogLevel::kInfo, {}};
  event.Add("role", RoleName(ProcessRole::kWorker))
      .Add("event_loop", LoopName(loop.kind));
  if (loop.os_error != 0) {
    event.level = LogLevel::kNotice;
    event.Add("reason", "no restricted io_uring to be had")
        .Add("os_error", loop.os_error);
  }
  log_.Write(event);
}

void Supervisor::LogEnd(const Seat& seat, const std::string& how) {
  LogEvent event{EventKind::kProcessEnded, LogLevel::kError, {}};
  log_.Write(event.Add("role", RoleName(seat.role))
                 .Add("pid", seat.pid)
                 .Add("reason", how));
}

void Supervisor::LogFailure(const Seat& seat, const Error& error) {
  LogEvent event{EventKind::kProcessEnded, LogLevel::kError, {}};
  log_.Write(event.Add("role", RoleName(seat.role))
                 .Add("reason", error.what)
                 .Add("os_error", error.os_error));
}

void Supervisor::LogDismissal(const Seat& seat, EventKind kind, LogLevel level,
                              std::string_view reason) {
  LogEvent event{kind, level, {}};
  log_.Write(event.Add("role", RoleName(seat.role))
                 .Add("pid", seat.pid)
                 .Add("reason", reason));
}

void Supervisor::OnTime() {
  finished_.clear();
  if (const auto loop = switchboard_.TakeLoop()) {
    LogLoop(*loop);
  }
  for (const Switchboard::Dismissal& dismissal : switchboard_.TakeDismissed()) {
    for (const auto& seat : seats_) {
      if (seat->role != ProcessRole::kWorker ||
          seat->worker != dismissal.worker || seat->lost) {
        continue;
      }
      seat->retired = dismissal.why == Switchboard::Why::kRetired;
      if (seat->retired) {
        LogDismissal(*seat, EventKind::kProcessReplaced, LogLevel::kInfo,
                     dismissal.reason);
      } else {
        LogDismissal(*seat, EventKind::kProcessMisbehaved, LogLevel::kError,
                     dismissal.reason);
      }
      Dismiss(*seat, Code::kWorkerDied, dismissal.reason);
    }
  }
  EndBrokenServices();
  ReplaceOutdatedKeeper();
  ReplaceWhoHangs();
  for (const auto& seat : seats_) {
    if (seat->role == ProcessRole::kWorker && !seat->lost &&
        clock_.Now() - seat->started >= kLongestLife) {
      switchboard_.Age(seat->worker);
    }
    if (!closed_ && seat->wanted && seat->pid == 0 &&
        seat->start_at <= clock_.Now()) {
      Fill(*seat);
    }
  }
  std::erase_if(
      seats_, [](const auto& seat) { return !seat->wanted && seat->pid == 0; });
}

// Their links are read for what they note of jobs, too.
void Supervisor::EndBrokenServices() {
  for (const auto& seat : seats_) {
    if (!IsService(seat->role) || seat->lost) {
      continue;
    }
    if (const Status found = switchboard_.found(seat->role); !found.ok()) {
      EndFor(*seat, found.error());
    }
  }
}

void Supervisor::Listen() {
  for (const auto& seat : seats_) {
    if (IsService(seat->role) && !seat->lost) {
      // Where that fails it is read every now and then all the same.
      static_cast<void>(
          seat->link_watch->Listen(switchboard_.ListensTo(seat->role)));
    }
  }
}

// Other keys in tokens are configured than it opened, which it can do only as
// it starts.
void Supervisor::ReplaceOutdatedKeeper() {
  for (const auto& seat : seats_) {
    if (IsKeeper(seat->role) && !seat->lost && switchboard_.keeper_outdated()) {
      constexpr char kReason[] = "other keys in tokens are configured";
      seat->retired = true;
      LogDismissal(*seat, EventKind::kProcessReplaced, LogLevel::kInfo,
                   kReason);
      Dismiss(*seat, Code::kWorkerDied, kReason);
    }
  }
}

// A keeper or a verifier; the switchboard dismisses workers.
void Supervisor::ReplaceWhoHangs() {
  for (const auto& seat : seats_) {
    const auto fault = switchboard_.FaultOf(seat->role);
    if (fault.has_value() && !seat->lost) {
      LogDismissal(*seat, EventKind::kProcessMisbehaved, LogLevel::kError,
                   *fault);
      Dismiss(*seat, Code::kWorkerDied, std::string(*fault));
    }
  }
}

std::optional<MonotonicTime> Supervisor::NextWake() const {
  std::optional<MonotonicTime> first;
  for (const auto& seat : seats_) {
    if (!closed_ && seat->wanted && seat->pid == 0) {
      first = std::min(first.value_or(seat->start_at), seat->start_at);
    }
  }
  return first;
}

std::vector<Supervisor::Process> Supervisor::Processes() const {
  std::vector<Process> all;
  all.reserve(seats_.size());
  for (const auto& seat : seats_) {
    all.push_back(
        {seat->role, seat->pool, seat->worker, seat->pid, seat->started});
  }
  return all;
}

void Supervisor::Close() {
  closed_ = true;
  for (const auto& seat : seats_) {
    Lose(*seat, Code::kShuttingDown, "");
  }
  finished_.clear();
}

bool Supervisor::all_ended() const {
  return std::all_of(seats_.begin(), seats_.end(),
                     [](const auto& seat) { return seat->pid == 0; });
}

}  // namespace ktlsd::agent
