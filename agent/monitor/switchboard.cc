#include "agent/monitor/switchboard.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <utility>
#include <variant>

#include "agent/ipc/chain.h"
#include "agent/sandbox/lock_step.h"

namespace ktlsd::agent {
namespace {

// Nothing tells that a link has room again, and it takes long to read.
constexpr std::chrono::milliseconds kSendMoreEvery{10};

// What one worker sends at once, before the others and the deadlines get their
// turn.
constexpr unsigned kMessagesInATurn = 64;

// What keeper and verifier note of jobs that are never reported, and that they
// accuse a worker, waits no longer than this; nor does the end of a job.
constexpr std::chrono::milliseconds kReadServicesEvery{100};
constexpr std::chrono::milliseconds kReadIdleServicesEvery{1000};

std::string WhyItRetires(const Roster::Worker& worker) {
  if (worker.leaving) {
    return "the settings of its network namespace are gone";
  }
  return worker.taken >= Roster::kJobsPerLife ? "it has had its share of jobs"
                                              : "it has served long enough";
}

}  // namespace

void Switchboard::AddWorker(WorkerId id, Pool pool, Link link,
                            std::string group) {
  link.TakeSeveral();
  roster_.Add(id, pool, std::move(link), std::move(group));
  Roster::Worker& worker = *roster_.Find(id);
  Connect(worker, LinkTo::kKeeper);
  Connect(worker, LinkTo::kVerifier);
  desk_.Dispatch();
}

void Switchboard::AddKeeper(Link link) {
  keeper_ = Ok{};
  keeper_pulse_ = ServicePulse();
  link.TakeSeveral();
  resources_.SetKeeper(std::move(link));
  resources_.keeper()->GiveBell();
  for (const WorkerId id : roster_.Ids()) {
    Connect(*roster_.Find(id), LinkTo::kKeeper);
  }
}

void Switchboard::AddVerifier(Link link) {
  verifier_ = Ok{};
  verifier_pulse_ = ServicePulse();
  link.TakeSeveral();
  resources_.SetVerifier(std::move(link));
  resources_.verifier()->GiveBell();
  for (const WorkerId id : roster_.Ids()) {
    Connect(*roster_.Find(id), LinkTo::kVerifier);
  }
}

// Gives each side its end. When that fails, one of the two is gone, which its
// link to the monitor will tell.
void Switchboard::Connect(Roster::Worker& worker, LinkTo to) {
  if (worker.pool == Pool::kPsk) {
    return;  // its jobs have no use for either
  }
  Link* service =
      to == LinkTo::kKeeper ? resources_.keeper() : resources_.verifier();
  Result<std::pair<OwnedFd, OwnedFd>> pair = MakeLinkPair();
  if (service == nullptr || !pair.ok()) {
    return;
  }
  agent::AddWorker add;
  add.worker = worker.id;
  const std::array<BorrowedFd, 1> first = {pair->first.borrow()};
  TakeLink take;
  take.to = to;
  const std::array<BorrowedFd, 1> second = {pair->second.borrow()};
  if (service->Send(add, {}, first).ok()) {
    static_cast<void>(worker.link.Send(take, {}, second));
  }
}

Status Switchboard::ReadWorker(WorkerId id, Extent extent) {
  const unsigned most =
      extent == Extent::kAll ? Link::kMostQueued : kMessagesInATurn;
  if (Roster::Worker* const worker = roster_.Find(id)) {
    worker->link.AskAnew();
  }
  for (unsigned read = 0;; ++read) {
    Roster::Worker* worker = roster_.Find(id);
    // What was taken off its link, nothing will tell of again.
    if (worker == nullptr || (read >= most && !worker->link.taken())) {
      return Ok{};
    }
    ASSIGN_OR_RETURN(auto received, worker->link.Receive<FromWorker>());
    if (!received.has_value()) {
      return Ok{};
    }
    if (worker->pulse.behind()) {
      more_room_ = true;
    }
    worker->pulse.Heard();
    RETURN_IF_ERROR(std::visit(
        [&](const auto& message) {
          return Take(id, message, received->payload);
        },
        received->message));
  }
  return Ok{};
}

// Of a job that the monitor has just ended it may still ask, once; it was told
// of the end already, and waits for nothing.
template <typename PskRequest>
Status Switchboard::Take(WorkerId id, const PskRequest& request,
                         ByteView payload) {
  Roster::Worker* worker = roster_.Find(id);
  switch (Roster::TakeQuestion(*worker, request.job)) {
    case Roster::Claim::kNotIts:
      return Error{Code::kWorkerMisbehaved, "it asks about another's job"};
    case Roster::Claim::kTooOften:
      return Error{Code::kWorkerMisbehaved,
                   "it asks on about a job that was ended"};
    case Roster::Claim::kEnded:
      return Ok{};
    case Roster::Claim::kRunning:
      break;
  }
  const Status served = desk_.psks().Serve(worker->link, request, payload);
  worker->link.Wipe();
  return served;
}

Status Switchboard::Take(WorkerId id, const JobReport& report, ByteView) {
  // What keeper and verifier noted of this job is on its way already. Should
  // their links fail, found() says it too.
  static_cast<void>(ReadKeeper());
  static_cast<void>(ReadVerifier());
  if (roster_.Find(id)->given_up) {
    return Error{Code::kWorkerMisbehaved, "a report after it was given up"};
  }
  return desk_.OnReport(id, report);
}

Status Switchboard::Take(WorkerId id, const LoopChosen& chosen, ByteView) {
  Roster::Worker& worker = *roster_.Find(id);
  if (worker.loop) {
    return Error{Code::kWorkerMisbehaved, "it has a second event loop"};
  }
  worker.loop = chosen;
  new_loop_ = !loop_ || loop_->kind != chosen.kind ||
              loop_->os_error != chosen.os_error || new_loop_;
  loop_ = chosen;
  return Ok{};
}

Status Switchboard::ReadKeeper() {
  if (Link* const keeper = resources_.keeper()) {
    keeper->AskAnew();
  }
  for (unsigned read = 0; read < Link::kMostQueued && keeper_.ok(); ++read) {
    Link* const keeper = resources_.keeper();
    if (keeper == nullptr) {
      break;
    }
    auto read_now = keeper->Receive<FromKeeper>();
    if (!read_now.ok()) {
      keeper_ = read_now.error();
      break;
    }
    const auto received = std::move(read_now).value();
    if (!received.has_value()) {
      break;
    }
    keeper_pulse_.Heard();
    keeper_ = std::visit(
        [this](const auto& message) { return this->Handle(message); },
        received->message);
  }
  return keeper_;
}

Status Switchboard::ReadVerifier() {
  if (Link* const verifier = resources_.verifier()) {
    verifier->AskAnew();
  }
  for (unsigned read = 0; read < Link::kMostQueued && verifier_.ok(); ++read) {
    Link* const verifier = resources_.verifier();
    if (verifier == nullptr) {
      break;
    }
    auto read_now = verifier->Receive<FromVerifier>();
    if (!read_now.ok()) {
      verifier_ = read_now.error();
      break;
    }
    const auto received = std::move(read_now).value();
    if (!received.has_value()) {
      break;
    }
    verifier_pulse_.Heard();
    verifier_ = std::visit(
        [&](const auto& message) { return Take(message, received->payload); },
        received->message);
  }
  return verifier_;
}

Status Switchboard::Handle(const CredentialLoaded& loaded) {
  resources_.Handle(loaded);
  desk_.Dispatch();
  return Ok{};
}

Status Switchboard::Handle(const TrustLoaded& loaded) {
  resources_.Handle(loaded);
  desk_.Dispatch();
  return Ok{};
}

Status Switchboard::Handle(const TagsLoaded& loaded) {
  resources_.Handle(loaded);
  return Ok{};
}

Status Switchboard::Handle(const Signed& notice) {
  desk_.OnSigned(notice.job);
  return Ok{};
}

Status Switchboard::Take(const PeerChain& shown, ByteView payload) {
  ASSIGN_OR_RETURN(std::vector<Bytes> chain,
                   ParseChain(payload, shown.certificates));
  desk_.OnPeerChain(shown.job, std::move(chain));
  return Ok{};
}

Status Switchboard::Handle(const Rechecked& answer) {
  desk_.live().Handle(answer);
  return Ok{};
}

Status Switchboard::Handle(const Verdict& verdict) {
  desk_.OnVerdict(verdict);
  return Ok{};
}

Status Switchboard::Handle(const Misbehaved& notice) {
  roster_.GiveUp(notice.worker);
  dismissed_.push_back({notice.worker, std::string(notice.what.view())});
  return Ok{};
}

Status Switchboard::Handle(const NotConfined& notice) {
  return Error{Code::kSystemFailed, FailureOf(notice.step), notice.os_error};
}

void Switchboard::LoseWorker(WorkerId id, Code code,
                             const std::string& reason) {
  const std::set<JobId> jobs = roster_.Remove(id);
  RemoveWorker remove;
  remove.worker = id;
  for (Link* service : {resources_.keeper(), resources_.verifier()}) {
    if (service != nullptr) {
      static_cast<void>(service->Send(remove));
    }
  }
  desk_.FailJobsOf(jobs, code, reason);
}

void Switchboard::LoseKeeper() {
  // What it still had to say counts.
  static_cast<void>(ReadKeeper());
  resources_.LoseKeeper();
  desk_.FailUnsigned();
}

void Switchboard::LoseVerifier() {
  static_cast<void>(ReadVerifier());
  resources_.LoseVerifier();
  desk_.FailUnverified();
}

void Switchboard::OnTime() {
  ReadServices();
  const std::set<WorkerId> overdue = desk_.Overdue();
  if (!overdue.empty()) {
    static_cast<void>(ReadKeeper());
    static_cast<void>(ReadVerifier());
  }
  // A report that lies in the queue was in time.
  for (const WorkerId id : overdue) {
    const Status read = ReadWorker(id, Extent::kAll);
    // Of one that died the loop tells.
    if (!read.ok() && read.error().code != Code::kPeerClosed) {
      roster_.GiveUp(id);
      dismissed_.push_back({id, std::string(read.error().what)});
    }
  }
  desk_.EndOverdue();
  LookAfterTheLate();
  unsent_loads_ = resources_.SendMore();
  LookAfterServices();
  // Here, as its last job may have been ended without a report.
  for (const WorkerId id : roster_.Ids()) {
    const Roster::Worker& worker = *roster_.Find(id);
    if ((worker.leaving || worker.retiring()) && worker.running.empty()) {
      dismissed_.push_back({id, WhyItRetires(worker), Why::kRetired});
    }
  }
  for (const CredentialId credential : resources_.TakeForgotten()) {
    Forget forget;
    forget.id = credential;
    for (const WorkerId id : roster_.Ids()) {
      static_cast<void>(roster_.Find(id)->link.Send(forget));
    }
  }
}

void Switchboard::Age(WorkerId id) {
  if (Roster::Worker* worker = roster_.Find(id)) {
    worker->aged = true;
  }
}

void Switchboard::Retire(WorkerId id) {
  if (Roster::Worker* worker = roster_.Find(id)) {
    worker->leaving = true;
  }
}

// Who was late gets more to do once it has read what it was told.
void Switchboard::LookAfterTheLate() {
  for (const WorkerId id : roster_.Ids()) {
    Roster::Worker& worker = *roster_.Find(id);
    const bool behind = worker.pulse.behind();
    worker.pulse.Look(desk_.now(), behind ? worker.link.unread() : 0);
    const auto fault = worker.pulse.Fault(desk_.now());
    if (fault.has_value() && !std::exchange(worker.given_up, true)) {
      dismissed_.push_back({id, std::string(*fault)});
    }
    more_room_ = more_room_ || (behind && !worker.pulse.behind());
  }
  if (std::exchange(more_room_, false)) {
    desk_.Dispatch();
  }
}

// While there is nothing for them, once in a while all the same.
void Switchboard::ReadServices() {
  const bool work = desk_.running() > 0 ||
                    !resources_.ended_at_keeper().empty() ||
                    !resources_.ended_at_verifier().empty();
  if (work && !std::exchange(services_have_work_, true)) {
    read_services_at_ = desk_.now() + kReadServicesEvery;
  }
  if (desk_.now() < read_services_at_) {
    return;
  }
  services_have_work_ = work;
  read_services_at_ =
      desk_.now() + (work ? kReadServicesEvery : kReadIdleServicesEvery);
  // What that finds is in found().
  static_cast<void>(ReadKeeper());
  static_cast<void>(ReadVerifier());
  if (Link* const keeper = resources_.keeper()) {
    resources_.ended_at_keeper().TellAll(*keeper);
  }
  if (Link* const verifier = resources_.verifier()) {
    resources_.ended_at_verifier().TellAll(*verifier);
  }
}

bool Switchboard::ListensTo(ProcessRole role) const {
  return resources_.loading() ||
         (role == ProcessRole::kVerifier && desk_.live().asking());
}

const Status& Switchboard::found(ProcessRole role) const {
  return role == ProcessRole::kVerifier ? verifier_ : keeper_;
}

// Nothing is unread of one that is gone.
void Switchboard::LookAfterServices() {
  if (desk_.now() < look_at_services_) {
    return;
  }
  look_at_services_ = desk_.now() + ServicePulse::kLookEvery;
  const auto look = [this](ServicePulse& pulse, Link* link) {
    const std::size_t unread = link == nullptr ? 0 : link->unread();
    pulse.Look(desk_.now(), unread, link == nullptr ? 0 : link->sent());
    if (unread != 0) {
      link->Ring();  // what was sent silently is no sign that it hangs
    }
  };
  look(keeper_pulse_, resources_.keeper());
  look(verifier_pulse_, resources_.verifier());
}

std::optional<MonotonicTime> Switchboard::NextWake() const {
  if (unsent_loads_) {
    return desk_.now() + kSendMoreEvery;
  }
  std::optional<MonotonicTime> first;
  for (const auto& wake :
       {keeper_pulse_.NextLook(), verifier_pulse_.NextLook(),
        services_have_work_ ? std::optional(read_services_at_)
                            : std::nullopt}) {
    if (wake.has_value()) {
      first = std::min(first.value_or(*wake), *wake);
    }
  }
  return first;
}

std::optional<std::string_view> Switchboard::FaultOf(ProcessRole role) const {
  switch (role) {
    case ProcessRole::kKeeper:
    case ProcessRole::kTokenKeeper:
      return keeper_pulse_.Fault(desk_.now());
    case ProcessRole::kVerifier:
      return verifier_pulse_.Fault(desk_.now());
    case ProcessRole::kWorker:
      break;
  }
  return std::nullopt;
}

std::optional<LoopChosen> Switchboard::TakeLoop() {
  return std::exchange(new_loop_, false) ? loop_ : std::nullopt;
}

std::vector<Switchboard::Dismissal> Switchboard::TakeDismissed() {
  return std::exchange(dismissed_, {});
}

}  // namespace ktlsd::agent
