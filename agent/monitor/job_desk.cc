#include "agent/monitor/job_desk.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "agent/monitor/hand_out.h"
#include "agent/netlink/counted_accept.h"
#include "base/session_keys.h"
#include "ktls/verify.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

// With less than this left a handshake is not begun.
constexpr milliseconds kLeastTime{100};

Account Because(std::string reason, std::string settings) {
  Account account;
  account.settings = std::move(settings);
  account.reason = std::move(reason);
  return account;
}

// Whether the client of a server is to be told, which somebody has to configure
// first. A file or a token may be there a moment later, and I/O of a client
// that was refused by an alert fails, even where its mount is to wait.
bool IsForTheClient(const Ticket& ticket, const Refused& refused,
                    const Profile& profile) {
  const Request& request = ticket.upcall.request();
  return request.kind == HandshakeKind::kServerHello &&
         request.auth_mode != AuthMode::kPsk && ticket.facts.is_tcp &&
         profile.Serves(ticket.netns) &&
         (refused.code == Code::kNoCertificateConfigured ||
          refused.code == Code::kConfigUnusable);
}

Pool PoolOf(const Request& request) {
  if (request.auth_mode == AuthMode::kPsk) {
    return Pool::kPsk;
  }
  return request.kind == HandshakeKind::kServerHello ? Pool::kServer
                                                     : Pool::kClient;
}

}  // namespace

JobDesk::JobDesk(Surroundings around, std::size_t capacity)
    : around_(std::move(around)),
      capacity_(capacity),
      psks_(around_.keyrings),
      answers_(around_.log, around_.clock) {
  AddKernel(around_.kernel, "");
}

// --- From the kernel ---

bool JobDesk::full() const {
  return queue_.size() + running_.size() + answers_.waiting() >= capacity_;
}

void JobDesk::AddKernel(HandshakeKernel& kernel, std::string netns) {
  sources_.push_back(
      {kernel, std::move(netns), AcceptPace(around_.log, around_.clock)});
}

void JobDesk::RemoveKernel(const HandshakeKernel& kernel) {
  if (const SocketDiag* const diag = kernel.diag()) {
    around_.live.Forget(*diag);
  }
  std::erase_if(sources_, [&kernel](const Source& source) {
    return &source.kernel == &kernel;
  });
}

bool JobDesk::HasOf(const HandshakeKernel& kernel) const {
  const auto is_of = [&kernel](const Ticket& ticket) {
    return &ticket.upcall.kernel() == &kernel;
  };
  return answers_.HasOf(kernel) ||
         std::ranges::any_of(
             queue_, [&](const Queued& one) { return is_of(one.ticket); }) ||
         std::ranges::any_of(running_, [&](const auto& entry) {
           return is_of(entry.second.ticket);
         });
}

void JobDesk::TakeRequests(Age age) {
  for (Source& source : sources_) {
    TakeFrom(source, age);
  }
  Dispatch();
}

void JobDesk::TakeRequests(Age age, const HandshakeKernel& of) {
  for (Source& source : sources_) {
    if (&source.kernel == &of) {
      TakeFrom(source, age);
    }
  }
  Dispatch();
}

void JobDesk::TakeFrom(Source& source, Age age) {
  if (closed_ || source.pace.resting()) {
    return;
  }
  source.pace.Begin();
  if (std::exchange(source.more_waits, false)) {
    age = Age::kOld;
  }
  while (!full()) {
    Result<std::optional<Request>> accepted =
        AcceptCounted(source.kernel, around_.keyring_uses);
    if (!accepted.ok()) {
      source.pace.Failed(accepted.error());
      break;
    }
    source.pace.Worked();
    std::optional<Request> request = std::move(accepted).value();
    if (!request.has_value()) {
      break;
    }
    Admit(source, *std::move(request), age);
  }
  source.more_waits = full();
}

void JobDesk::Admit(Source& source, Request request, Age age) {
  const MonotonicTime taken = request.taken_at.value_or(around_.clock.Now());
  if (request.taken_at.has_value()) {
    age = request.waited ? Age::kOld : Age::kFresh;
  }
  const SocketFacts facts = ReadSocketFacts(request.socket.borrow());
  Upcall upcall(source.kernel, std::move(request));
  milliseconds within = AnswerWithin(upcall.request(), upcall.consumer());
  if (age == Age::kOld) {
    within /= 2;
  }
  queue_.push_back(Queued{Ticket{++last_job_, std::move(upcall), facts, taken,
                                 taken + within, source.netns}});
}

// --- To the roles ---

// First come, first served, within a pool.
void JobDesk::Dispatch() {
  Pools busy;
  for (auto next = queue_.begin(); next != queue_.end();) {
    if (Consider(*next, busy) == Next::kWait) {
      ++next;
    } else {
      next = queue_.erase(next);
    }
  }
}

JobDesk::Next JobDesk::Consider(Queued& queued, Pools& busy) {
  Ticket& ticket = queued.ticket;
  const Pool pool = PoolOf(ticket.upcall.request());
  if (std::exchange(queued.seen, true) && busy.contains({pool, ticket.netns}) &&
      TimeLeft(ticket) >= kLeastTime) {
    return Next::kWait;
  }
  const Profile& profile = around_.resources.Choose(ticket.upcall.request(),
                                                    ticket.upcall.consumer(),
                                                    ticket.facts, ticket.netns);
  Planning planning =
      MakePlan(ticket.upcall.request(), ticket.upcall.consumer(), ticket.facts,
               ticket.netns, profile, around_.suites);
  if (const Refused* refused = std::get_if<Refused>(&planning)) {
    Refuse(std::move(ticket), *refused, profile);
    return Next::kDone;
  }
  if (TimeLeft(ticket) < kLeastTime) {
    answers_.Fail(std::move(ticket), Code::kTooBusy,
                  Because("no time was left to begin it", profile.name));
    return Next::kDone;
  }
  Plan* plan = std::get_if<Plan>(&planning);
  if (plan == nullptr) {
    return Next::kWait;
  }
  plan->watched = around_.live.enabled() && plan->trust != 0;
  Roster::Worker* worker = around_.roster.Pick(pool, profile.netns_group);
  if (worker == nullptr) {
    busy.emplace(pool, ticket.netns);
    return Next::kWait;
  }
  HandOut(std::move(ticket), std::move(*plan), *worker);
  return Next::kDone;
}

// By a worker, where one is there: a client whose connection just ends tries
// again, for as long as its mount may take, where an alert ends the mount.
void JobDesk::Refuse(Ticket ticket, const Refused& refused,
                     const Profile& profile) {
  Roster::Worker* const worker =
      IsForTheClient(ticket, refused, profile) && TimeLeft(ticket) >= kLeastTime
          ? around_.roster.Pick(PoolOf(ticket.upcall.request()),
                                profile.netns_group)
          : nullptr;
  if (worker == nullptr) {
    return answers_.Fail(std::move(ticket), refused.code,
                         Because(refused.reason, profile.name));
  }
  Plan plan;
  plan.side = Side::kServer;
  plan.settings = profile.name;
  plan.suites = around_.suites;
  plan.refused = refused;
  HandOut(std::move(ticket), std::move(plan), *worker);
}

milliseconds JobDesk::TimeLeft(const Ticket& ticket) const {
  return std::chrono::duration_cast<milliseconds>(ticket.deadline -
                                                  around_.clock.Now()) -
         kWorkersMargin;
}

void JobDesk::HandOut(Ticket ticket, Plan plan, Roster::Worker& worker) {
  const JobId job = ticket.job;
  plan.record_size_limit = around_.record_size_limit;
  Status sent = AddKeys(ticket, plan);
  if (sent.ok()) {
    sent = SendTerms(around_.resources, job, plan, worker.id);
  }
  if (sent.ok()) {
    sent = SendJob(worker.link, ticket, plan, TimeLeft(ticket));
  }
  around_.resources.Hold(plan.credentials);
  around_.resources.Hold(plan.trust);
  Running running{std::move(ticket), std::move(plan), Evidence(), worker.id,
                  around_.clock.Now()};
  if (!sent.ok()) {
    running.evidence.psk = psks_.EvidenceOf(job);
    Account account = AccountOf(running);
    account.reason = sent.error().what;
    account.os_error = sent.error().os_error;
    return Fail(std::move(running), sent.error().code, std::move(account));
  }
  Roster::Begin(worker, job);
  running_.emplace(job, std::move(running));
}

Status JobDesk::AddKeys(const Ticket& ticket, Plan& plan) {
  if (plan.psk) {
    return psks_.Begin(ticket.job, ticket.upcall.request(), plan);
  }
  if (!plan.own_keys.has_value()) {
    return Ok{};
  }
  ASSIGN_OR_RETURN(const Keyrings::Pair keys,
                   around_.keyrings.Read(*plan.own_keys));
  ASSIGN_OR_RETURN(plan.credentials[0], around_.resources.LoadForJob(keys));
  return Ok{};
}

// --- From the roles ---

void JobDesk::OnSigned(JobId job) {
  if (const auto running = running_.find(job); running != running_.end()) {
    running->second.evidence.signed_once = true;
  }
}

void JobDesk::OnPeerChain(JobId job, std::vector<Bytes> chain) {
  const auto running = running_.find(job);
  if (running != running_.end() && running->second.evidence.chain.empty()) {
    running->second.evidence.chain = std::move(chain);
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
  switch (Roster::TakeReport(*worker, report.job)) {
    case Roster::Claim::kNotIts:
    case Roster::Claim::kTooOften:
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
  if (!verdict.ok()) {
    around_.roster.GiveUp(from);  // before room is used: it would get the next
  }
  UseRoom();
  return verdict;
}

// Something ended.
void JobDesk::UseRoom() {
  Dispatch();
  const bool worth_it =
      std::ranges::any_of(sources_, [this](const Source& source) {
        return source.pace.due() || (source.more_waits && !full());
      });
  if (worth_it) {
    TakeRequests(Age::kOld);
  }
}

void JobDesk::ConcludeFailure(Running job, const JobReport& report) {
  const Code code = JudgeFailure(job.evidence, report);
  Account account = AccountOf(job);
  account.report = report;
  account.reason = job.evidence.psk.reason;
  account.os_error = job.evidence.psk.os_error;
  if (Describe(code).fault == Fault::kKernel ||
      ktls::MayBeAttached(around_.socket_ops, job.ticket.upcall.socket())) {
    // Perhaps half installed: nothing may be written to it any more.
    static_cast<void>(
        around_.socket_ops.Shutdown(job.ticket.upcall.socket(), SHUT_RDWR));
  }
  Fail(std::move(job), code, std::move(account));
}

// Sets `verdict`, on the worker, when the report is a lie.
void JobDesk::Conclude(Running job, const JobReport& report, Status& verdict) {
  if (!report.outcome.ok()) {
    return ConcludeFailure(std::move(job), report);
  }
  Account account = AccountOf(job);
  account.report = report;
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
  const RemoteAuth told = AddPeerKey(job, *remote, account);
  WatchSession(job);
  answers_.Succeed(std::move(job.ticket), std::move(offloaded).value(), told,
                   account);
}

// Before the answer, which closes our descriptor.
void JobDesk::WatchSession(const Running& job) {
  const Ticket& ticket = job.ticket;
  SocketDiag* const diag = ticket.upcall.kernel().diag();
  // One whose namespace is served no more would outlive its SocketDiag.
  const bool served =
      std::ranges::any_of(sources_, [&ticket](const Source& source) {
        return &source.kernel == &ticket.upcall.kernel();
      });
  if (!job.plan.watched || job.evidence.chain.empty() ||
      !job.evidence.verdict.has_value() || diag == nullptr || !served) {
    return;
  }
  const auto name = NameOfConnection(ticket.upcall.socket());
  if (name.has_value()) {
    around_.live.Add({*name, diag, job.plan.settings, job.plan.side,
                      job.plan.server_name, ticket.facts.peer, ticket.netns,
                      std::string(job.evidence.verdict->subject.view()),
                      job.evidence.chain});
  }
}

// The peer is verified whether or not it becomes a key: who asks for the key
// gets -1 then, and never 0, which says that nobody was verified.
RemoteAuth JobDesk::AddPeerKey(const Running& job, RemoteAuth remote,
                               Account& account) {
  if (!job.plan.peer_key.has_value() || job.evidence.chain.empty()) {
    return remote;
  }
  const Result<KeySerial> key = around_.keyrings.AddPeerCertificate(
      job.evidence.chain.front(), *job.plan.peer_key);
  if (!key.ok()) {
    account.peer_key_error = key.error();
    return remote;
  }
  account.peer_key = *key;
  return RemoteAuth::CertificateKey(*key);
}

// What the kernel says of the socket, seen on our own descriptor.
Result<ktls::Offloaded> JobDesk::Confirm(const Running& job,
                                         const JobReport& report) {
  const BorrowedFd socket = job.ticket.upcall.socket();
  const auto suite = static_cast<CipherSuite>(report.suite);
  if (std::ranges::find(job.plan.suites, suite) == job.plan.suites.end()) {
    return Error{Code::kWorkerMisbehaved, "success with a suite not allowed"};
  }
  std::optional<uint16_t> limit;
  if (report.payload_limit != 0) {
    if (!job.plan.record_size_limit) {
      return Error{Code::kWorkerMisbehaved,
                   "success with a record_size_limit not to be negotiated"};
    }
    limit = report.payload_limit;
  }
  const std::array<CipherSuite, 1> reported = {suite};
  return ktls::Verify(around_.socket_ops, socket, {reported, limit});
}

// --- Ends ---

std::optional<JobDesk::Running> JobDesk::Take(JobId job) {
  auto node = running_.extract(job);
  if (node.empty()) {
    return std::nullopt;
  }
  node.mapped().evidence.psk = psks_.EvidenceOf(job);
  return std::move(node.mapped());
}

Account JobDesk::AccountOf(const Running& job) {
  Account account;
  account.verdict = job.evidence.verdict;
  account.dispatched = job.dispatched;
  account.settings = job.plan.settings;
  account.identity = job.evidence.psk.identity;
  account.key = job.evidence.psk.serial;
  return account;
}

// What a job was to be refused for stays the reason, however its end came.
void JobDesk::Fail(Running job, Code code, Account account) {
  Release(job);
  if (job.plan.refused.has_value() && code != Code::kWorkerMisbehaved) {
    code = job.plan.refused->code;
    account.reason = job.plan.refused->reason;
  }
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
  Account account = AccountOf(*running);
  account.reason = reason;
  Fail(std::move(*running), code, std::move(account));
}

void JobDesk::Release(const Running& job) {
  psks_.End(job.ticket.job);
  EndTerms(around_.resources, job.ticket.job, job.plan);
  around_.resources.Release(job.plan.credentials);
  around_.resources.Release(job.plan.trust);
}

void JobDesk::FailJobsOf(const std::set<JobId>& jobs, Code code,
                         const std::string& reason) {
  for (const JobId job : jobs) {
    FailEarly(job, code, reason);
  }
}

}  // namespace ktlsd::agent
