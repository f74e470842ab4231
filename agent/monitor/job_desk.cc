#include "agent/monitor/job_desk.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "agent/monitor/hand_out.h"
#include "base/session_keys.h"
#include "ktls/verify.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

// A worker ends a job by itself so long before the monitor would: it knows why.
constexpr milliseconds kWorkersMargin{500};
// With less than this left a handshake is not begun.
constexpr milliseconds kLeastTime{100};
constexpr milliseconds kAcceptComplaintEvery{10'000};

Account Because(std::string reason) {
  Account account;
  account.reason = std::move(reason);
  return account;
}

}  // namespace

JobDesk::JobDesk(Surroundings around, std::size_t capacity)
    : around_(std::move(around)),
      capacity_(capacity),
      answers_(around_.log, around_.clock) {}

// --- From the kernel ---

bool JobDesk::full() const {
  return queue_.size() + running_.size() + answers_.waiting() >= capacity_;
}

void JobDesk::TakeRequests(Age age) {
  if (closed_) {
    return;
  }
  if (std::exchange(more_waits_, false)) {
    age = Age::kOld;
  }
  while (!full()) {
    Result<std::optional<Request>> accepted = around_.kernel.Accept();
    if (!accepted.ok()) {
      NoteAcceptFailure(accepted.error());
      break;
    }
    std::optional<Request> request = std::move(accepted).value();
    if (!request.has_value()) {
      break;
    }
    Admit(*std::move(request), age);
  }
  more_waits_ = full();
  Dispatch();
}

void JobDesk::NoteAcceptFailure(const Error& error) {
  const MonotonicTime now = around_.clock.Now();
  if (accept_failed_.has_value() &&
      now - *accept_failed_ < kAcceptComplaintEvery) {
    return;
  }
  accept_failed_ = now;
  LogEvent event{EventKind::kKernelTrouble, LogLevel::kError, {}};
  around_.log.Write(
      event.Add("reason", error.what).Add("os_error", error.os_error));
}

void JobDesk::Admit(Request request, Age age) {
  const MonotonicTime now = around_.clock.Now();
  const SocketFacts facts = ReadSocketFacts(request.socket.borrow());
  Upcall upcall(around_.kernel, std::move(request));
  milliseconds within = AnswerWithin(upcall.request(), upcall.consumer());
  if (age == Age::kOld) {
    within /= 2;
  }
  queue_.push_back(
      Ticket{++last_job_, std::move(upcall), facts, now, now + within});
}

// --- To the roles ---

void JobDesk::Dispatch() {
  std::deque<Ticket> waiting;
  for (Ticket& ticket : std::exchange(queue_, {})) {
    if (Consider(ticket) == Next::kWait) {
      waiting.push_back(std::move(ticket));
    }
  }
  queue_ = std::move(waiting);
}

JobDesk::Next JobDesk::Consider(Ticket& ticket) {
  Planning planning =
      MakePlan(ticket.upcall.request(), ticket.upcall.consumer(), ticket.facts,
               around_.resources.side(Side::kClient),
               around_.resources.side(Side::kServer));
  if (const Refused* refused = std::get_if<Refused>(&planning)) {
    answers_.Fail(std::move(ticket), refused->code, Because(refused->reason));
    return Next::kDone;
  }
  if (TimeLeft(ticket) < kLeastTime) {
    answers_.Fail(std::move(ticket), Code::kTooBusy,
                  Because("no time was left to begin it"));
    return Next::kDone;
  }
  Plan* plan = std::get_if<Plan>(&planning);
  Roster::Worker* worker =
      plan == nullptr ? nullptr : around_.roster.Pick(plan->side);
  if (worker == nullptr) {
    return Next::kWait;
  }
  plan->suites = around_.suites;
  HandOut(std::move(ticket), std::move(*plan), *worker);
  return Next::kDone;
}

milliseconds JobDesk::TimeLeft(const Ticket& ticket) const {
  return std::chrono::duration_cast<milliseconds>(ticket.deadline -
                                                  around_.clock.Now()) -
         kWorkersMargin;
}

void JobDesk::HandOut(Ticket ticket, Plan plan, Roster::Worker& worker) {
  const JobId job = ticket.job;
  Status sent = AddOwnCredential(plan);
  if (sent.ok()) {
    sent = SendTerms(around_.resources, job, plan, worker.id);
  }
  if (sent.ok()) {
    sent = SendJob(worker.link, ticket, plan, TimeLeft(ticket));
  }
  around_.resources.Hold(plan.credential);
  around_.resources.Hold(plan.trust);
  Running running{std::move(ticket), std::move(plan), Evidence(), worker.id,
                  around_.clock.Now()};
  if (!sent.ok()) {
    Account account;
    account.reason = sent.error().what;
    account.os_error = sent.error().os_error;
    return Fail(std::move(running), sent.error().code, std::move(account));
  }
  Roster::Begin(worker, job);
  running_.emplace(job, std::move(running));
}

Status JobDesk::AddOwnCredential(Plan& plan) {
  if (!plan.own_keys.has_value()) {
    return Ok{};
  }
  ASSIGN_OR_RETURN(const Keyrings::Pair keys,
                   around_.keyrings.Read(*plan.own_keys));
  ASSIGN_OR_RETURN(plan.credential, around_.resources.LoadForJob(keys));
  return Ok{};
}

// --- From the roles ---

void JobDesk::OnSigned(JobId job) {
  if (const auto running = running_.find(job); running != running_.end()) {
    running->second.evidence.signed_once = true;
  }
}

void JobDesk::OnVerdict(const Verdict& verdict) {
  const auto running = running_.find(verdict.job);
  // The first one counts; the verifier gives one for each job.
  if (running != running_.end() &&
      !running->second.evidence.verdict.has_value()) {
    running->second.evidence.verdict = verdict;
  }
}

Status JobDesk::OnReport(WorkerId from, const JobReport& report) {
  Roster::Worker* worker = around_.roster.Find(from);
  if (worker == nullptr) {
    return Ok{};
  }
  worker->last_report = around_.clock.Now();
  switch (Roster::TakeReport(*worker, report.job)) {
    case Roster::Claim::kNotIts:
      return Error{Code::kWorkerMisbehaved, "a report of another's job"};
    case Roster::Claim::kEnded:
      return Ok{};
    case Roster::Claim::kRunning:
      break;
  }
  Status verdict = Ok{};
  if (std::optional<Running> job = Take(report.job)) {
    Conclude(std::move(*job), report, verdict);
  }
  UseRoom();
  return verdict;
}

// Something ended.
void JobDesk::UseRoom() {
  if (more_waits_ && !full()) {
    TakeRequests(Age::kOld);
  } else {
    Dispatch();
  }
}

// Sets `verdict`, on the worker, when the report is a lie.
void JobDesk::Conclude(Running job, const JobReport& report, Status& verdict) {
  Account account{report, job.evidence.verdict, job.dispatched, "", 0};
  if (!report.outcome.ok()) {
    const Code code = JudgeFailure(job.evidence, report);
    if (Describe(code).fault == Fault::kKernel ||
        ktls::MayBeAttached(around_.socket_ops, job.ticket.upcall.socket())) {
      // Perhaps half installed: nothing may be written to it any more.
      static_cast<void>(
          around_.socket_ops.Shutdown(job.ticket.upcall.socket(), SHUT_RDWR));
    }
    return Fail(std::move(job), code, std::move(account));
  }
  const Result<RemoteAuth> remote =
      JudgeSuccess(job.plan, job.evidence, report);
  Result<ktls::Offloaded> offloaded =
      remote.ok() ? Confirm(job, report)
                  : Result<ktls::Offloaded>(remote.error());
  if (!offloaded.ok()) {
    const Error& error = offloaded.error();
    if (error.code == Code::kWorkerMisbehaved) {
      verdict = error;
    }
    account.reason = error.what;
    account.os_error = error.os_error;
    static_cast<void>(
        around_.socket_ops.Shutdown(job.ticket.upcall.socket(), SHUT_RDWR));
    return Fail(std::move(job), error.code, std::move(account));
  }
  Release(job);
  answers_.Succeed(std::move(job.ticket), std::move(offloaded).value(), *remote,
                   account);
}

// What the kernel says of the socket, seen on our own descriptor. That the
// peer broke the connection meanwhile is no doubt about the keys.
Result<ktls::Offloaded> JobDesk::Confirm(const Running& job,
                                         const JobReport& report) {
  const BorrowedFd socket = job.ticket.upcall.socket();
  ASSIGN_OR_RETURN(const short events, around_.socket_ops.Poll(socket, 0));
  if ((events & (POLLERR | POLLHUP)) != 0) {
    return Error{Code::kPeerReset, "the connection broke after the handshake"};
  }
  const auto suite = static_cast<CipherSuite>(report.suite);
  if (std::ranges::find(job.plan.suites, suite) == job.plan.suites.end()) {
    return Error{Code::kWorkerMisbehaved, "success with a suite not allowed"};
  }
  const std::array<CipherSuite, 1> reported = {suite};
  return ktls::Verify(around_.socket_ops, socket, {reported});
}

// --- Ends ---

std::optional<JobDesk::Running> JobDesk::Take(JobId job) {
  auto node = running_.extract(job);
  if (node.empty()) {
    return std::nullopt;
  }
  return std::move(node.mapped());
}

void JobDesk::Fail(Running job, Code code, Account account) {
  Release(job);
  answers_.Fail(std::move(job.ticket), code, std::move(account));
}

void JobDesk::FailEarly(JobId job, Code code, const std::string& reason) {
  std::optional<Running> running = Take(job);
  if (!running.has_value()) {
    return;
  }
  if (Roster::Worker* worker = around_.roster.Find(running->worker)) {
    Roster::EndEarly(*worker, job);
    EndJob end;
    end.job = job;
    static_cast<void>(worker->link.Send(end));
  }
  static_cast<void>(
      around_.socket_ops.Shutdown(running->ticket.upcall.socket(), SHUT_RDWR));
  Account account{std::nullopt, running->evidence.verdict, running->dispatched,
                  reason, 0};
  Fail(std::move(*running), code, std::move(account));
}

void JobDesk::Release(const Running& job) {
  EndTerms(around_.resources, job.ticket.job, job.plan);
  around_.resources.Release(job.plan.credential);
  around_.resources.Release(job.plan.trust);
}

void JobDesk::FailJobsOf(const std::set<JobId>& jobs, Code code,
                         const std::string& reason) {
  for (const JobId job : jobs) {
    FailEarly(job, code, reason);
  }
}

void JobDesk::FailUnsigned() {
  std::set<JobId> jobs;
  for (const auto& [id, job] : running_) {
    if (job.plan.credential != 0 && !job.evidence.signed_once) {
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

std::set<WorkerId> JobDesk::EndOverdue() {
  const MonotonicTime now = around_.clock.Now();
  answers_.OnTime();
  std::set<JobId> late;
  std::set<JobId> stuck;
  std::set<WorkerId> hanging;
  for (const auto& [id, job] : running_) {
    if (job.ticket.deadline > now) {
      continue;
    }
    const Roster::Worker* worker = around_.roster.Find(job.worker);
    if (worker != nullptr && now - worker->last_report > kWorkersMargin) {
      hanging.insert(job.worker);
      stuck.insert(id);
    } else {
      late.insert(id);
    }
  }
  // A worker ends a job before its time is over and says why: a job that is
  // still here has no peer to blame.
  FailJobsOf(stuck, Code::kWorkerDied, "the worker does not answer");
  FailJobsOf(late, Code::kTooBusy, "the worker is late");
  UseRoom();
  return hanging;
}

std::optional<MonotonicTime> JobDesk::NextWake() const {
  std::optional<MonotonicTime> first = answers_.NextWake();
  const auto consider = [&first](MonotonicTime time) {
    first = std::min(first.value_or(time), time);
  };
  for (const auto& [id, job] : running_) {
    consider(job.ticket.deadline);
  }
  for (const Ticket& ticket : queue_) {
    consider(ticket.deadline - kWorkersMargin);
  }
  return first;
}

void JobDesk::Close() {
  closed_ = true;
  for (Ticket& ticket : std::exchange(queue_, {})) {
    answers_.FailNow(std::move(ticket), Code::kShuttingDown,
                     Because("the agent is stopping"));
  }
  for (auto& [id, job] : std::exchange(running_, {})) {
    static_cast<void>(
        around_.socket_ops.Shutdown(job.ticket.upcall.socket(), SHUT_RDWR));
    answers_.FailNow(std::move(job.ticket), Code::kShuttingDown,
                     Because("the agent is stopping"));
  }
  answers_.SendAll();
}

}  // namespace ktlsd::agent
