#include "agent/monitor/monitor.h"

#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "agent/config/config.h"
#include "agent/control/control_answers.h"
#include "agent/control/control_server.h"
#include "agent/control/protocol.h"
#include "agent/control/recording_sink.h"
#include "agent/keyring/keyrings.h"
#include "agent/monitor/file_watch.h"
#include "agent/monitor/job_desk.h"
#include "agent/monitor/live_sessions.h"
#include "agent/monitor/monitor_loop.h"
#include "agent/monitor/netns_service.h"
#include "agent/monitor/resources.h"
#include "agent/monitor/roster.h"
#include "agent/monitor/service_duties.h"
#include "agent/monitor/status_of.h"
#include "agent/monitor/supervisor.h"
#include "agent/monitor/switchboard.h"
#include "agent/netlink/eager_kernel.h"
#include "agent/netlink/keyring_uses.h"
#include "agent/netlink/listeners.h"
#include "agent/netlink/open_upcalls.h"
#include "agent/netlink/policy.h"
#include "agent/netns/netns_directory.h"
#include "agent/sandbox/cell.h"
#include "agent/sandbox/monitor_powers.h"
#include "agent/sandbox/syscall_filter.h"
#include "base/clock.h"
#include "base/session_keys.h"
#include "base/turn_clock.h"
#include "ktls/probe.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

// READY is a hint that may be lost; nothing waits longer than this.
constexpr milliseconds kLookForRequestsEvery{1000};
constexpr milliseconds kLongestEnd{5000};
// Handshakes under way may take so long when the daemon is to end. A request
// that waits for the next one meanwhile is given half of the usual time there:
// with nfsd 2 of the kernel's 5 seconds, so that one is left for the start.
constexpr milliseconds kLongestFinish{2000};
constexpr std::size_t kMostRequests = 4096;
constexpr std::size_t kSpareDescriptors = 256 + EagerKernel::kMostTaken;
constexpr unsigned kMostWorkers = 16;  // of one pool
constexpr int kPriority = -10;         // ACCEPT comes first

// Lets this process have as many descriptors as it may, and returns for how
// many requests that is enough.
std::size_t MakeRoom() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t room =
      std::max<std::size_t>(limit.rlim_cur, kSpareDescriptors + 1);
  return std::min(kMostRequests, room - kSpareDescriptors);
}

unsigned WorkersPerPool() {
  return std::clamp(std::thread::hardware_concurrency(), 1U, kMostWorkers);
}

void BlockSignals() {
  sigset_t handled;
  ::sigemptyset(&handled);
  for (const int number :
       {SIGHUP, SIGUSR1, SIGUSR2, SIGINT, SIGTERM, SIGCHLD}) {
    ::sigaddset(&handled, number);
  }
  ::sigprocmask(SIG_BLOCK, &handled, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

// Whose private keys' files may be beside root's. The default user of the roles
// may be anybody's.
uid_t KeyOwner(const RoleUser& user) {
  return user == RoleUser() ? 0 : user.uid;
}

// What is left of the privileges of the start.
struct Withdrawal {
  Cell cell;
  // The daemon's own network namespace, where it may enter others.
  std::optional<NetnsIdentity> netns;
};

// What the daemon uses of what this kernel can do.
struct Offload {
  std::vector<CipherSuite> suites;
  bool record_size_limit = false;
};

// Both threads take requests that link some.
struct LinkedKeyrings {
  KernelKeyrings kernel;
  KeyringUses uses{[this](KeySerial keyring) { kernel.Unlink(keyring); }};
};

class Monitor {
 public:
  using Why = ServiceDuties::Why;

  Monitor(std::string config_path, Config config, RecordingSink& log,
          ktls::SocketOps& socket_ops, TurnClock& clock,
          LinkedKeyrings& keyrings, std::unique_ptr<EagerKernel> kernel,
          MonitorLoop loop, Offload offload, Withdrawal withdrawal,
          ServiceDuties duties, Status ends_sessions)
      : config_path_(std::move(config_path)),
        config_(std::move(config)),
        log_(log),
        socket_ops_(socket_ops),
        clock_(clock),
        keyrings_(keyrings),
        kernel_(std::move(kernel)),
        loop_(std::move(loop)),
        offload_(std::move(offload)),
        cell_(std::move(withdrawal.cell)),
        netns_(loop_, log_, desk_, withdrawal.netns),
        duties_(std::move(duties)) {
    live_.SetAbility(ends_sessions);
  }

  Status Run() {
    RETURN_IF_ERROR(WatchSignals());
    RETURN_IF_ERROR(WatchKernel());
    UseConfig();
    OpenControl();
    // The kernel's queue is short, and starting processes takes a while: what
    // is taken can wait for them here.
    desk_.TakeRequests(JobDesk::Age::kOld);
    duties_.LookedIntoTheQueue();
    supervisor_.Start(WorkersPerPool());
    duties_.Serving();
    while (!stopping_.has_value()) {
      RETURN_IF_ERROR(Turn());
    }
    return Stop();
  }

 private:
  Status Watch(Result<MonitorLoop::WatchPtr> watch) {
    if (!watch.ok()) {
      return watch.error();
    }
    watches_.push_back(std::move(watch).value());
    return Ok{};
  }

  Status WatchSignals() {
    for (const int number : {SIGHUP, SIGUSR1}) {
      RETURN_IF_ERROR(
          Watch(loop_.OnSignal(number, [this] { reload_ = true; })));
    }
    for (const auto& [number, why] : {std::pair{SIGINT, Why::kStop},
                                      {SIGTERM, Why::kStop},
                                      {SIGUSR2, Why::kRestart}}) {
      RETURN_IF_ERROR(
          Watch(loop_.OnSignal(number, [this, why] { stopping_ = why; })));
    }
    return Ok{};
  }

  Status WatchKernel() {
    return Watch(loop_.OnReadable(
        kernel_->ready_socket(), [this] { OnReady(); },
        MonitorLoop::Urgency::kFirst));
  }

  void OnReady() {
    const unsigned overruns = kernel_->DrainReady();
    if (overruns > 0) {
      LogEvent event{EventKind::kKernelTrouble, LogLevel::kWarning, {}};
      log_.Write(event.Add("reason", "READY messages were lost, ignoring")
                     .Add("overruns", overruns));
    }
    desk_.TakeRequests(JobDesk::Age::kFresh, *kernel_);
    look_at_ = clock_.Now() + kLookForRequestsEvery;
  }

  // One event, and what is due.
  Status Turn() {
    RETURN_IF_ERROR(Serve({look_at_, files_.NextWake(), live_.NextWake()}));
    netns_.OnTime();
    live_.OnTime();
    if (clock_.Now() >= look_at_) {
      look_at_ = clock_.Now() + kLookForRequestsEvery;
      // Its READY was lost; it may have waited since the last look.
      desk_.TakeRequests(JobDesk::Age::kOld);
      netns_.Look();
    }
    if (std::exchange(reload_, false) || files_.Changed()) {
      duties_.Reloading();
      Reload();
      duties_.Reloaded();
      clock_.NewTurn();  // that was not short
    }
    return Ok{};
  }

  // Whoever asks first for the time does so after the wait.
  Status RunLoop(std::chrono::microseconds wake) {
    supervisor_.Listen();
    clock_.NewTurn();
    return loop_.RunOnce(wake);
  }

  // One event, and what is due of the jobs and of who does them; `also` wakes
  // for what the caller does beside.
  Status Serve(std::initializer_list<std::optional<MonotonicTime>> also) {
    RETURN_IF_ERROR(RunLoop(UntilNextWake(also)));
    switchboard_.OnTime();
    supervisor_.OnTime();
    duties_.OnTime(desk_.counts());
    control_.OnTime();
    return Ok{};
  }

  std::chrono::microseconds UntilNextWake(
      std::initializer_list<std::optional<MonotonicTime>> also) const {
    MonotonicTime first = MonotonicTime::max();
    const auto consider = [&first](std::optional<MonotonicTime> wake) {
      first = std::min(first, wake.value_or(first));
    };
    std::ranges::for_each(also, consider);
    consider(desk_.NextWake());
    consider(switchboard_.NextWake());
    consider(supervisor_.NextWake());
    consider(duties_.NextWake());
    consider(control_.NextWake());
    // Rounded up: a wake too early would find nothing to do.
    return std::max(
        std::chrono::ceil<std::chrono::microseconds>(first - clock_.Now()),
        std::chrono::microseconds(0));
  }

  // Without it nobody can ask; handshakes do not depend on it.
  void OpenControl() {
    const std::string path = ControlPath();
    if (const Status opened = control_.Open(path); !opened.ok()) {
      LogEvent event{EventKind::kConfigProblem, LogLevel::kWarning, {}};
      log_.Write(event.Add("file", path)
                     .Add("reason", opened.error().what)
                     .Add("os_error", opened.error().os_error)
                     .Add("consequence", "ktlsctl cannot ask this ktlsd"));
    }
  }

  std::string AnswerQuestion(ControlQuestion question) {
    StatusReport report =
        StatusOf(desk_, supervisor_, roster_, resources_, clock_);
    report.live = live_.List();
    report.uptime = std::chrono::duration_cast<std::chrono::seconds>(
        clock_.Now() - started_);
    for (const CipherSuite suite : offload_.suites) {
      report.suites.emplace_back(CipherSuiteName(suite));
    }
    return AnswerControl(question, log_.records(), report);
  }

  void Reload() {
    std::variant<Config, Problem> loaded = LoadConfig(config_path_);
    if (const Problem* problem = std::get_if<Problem>(&loaded)) {
      LogEvent event{EventKind::kConfigProblem, LogLevel::kError, {}};
      log_.Write(event.Add("file", problem->file)
                     .Add("reason", problem->reason)
                     .Add("consequence", "the old settings stay in use"));
      return UseFiles();
    }
    config_ = std::move(std::get<Config>(loaded));
    UseConfig();
  }

  void UseConfig() {
    for (const std::string& name : keyrings_.kernel.Link(config_.keyrings)) {
      LogEvent event{EventKind::kConfigProblem, LogLevel::kWarning, {}};
      log_.Write(event.Add("keyring", name)
                     .Add("reason", "no such keyring, ignoring"));
    }
    for (const std::string& key : config_.ignored) {
      LogEvent event{EventKind::kConfigProblem, LogLevel::kWarning, {}};
      log_.Write(event.Add("file", config_path_)
                     .Add("key", key)
                     .Add("reason", "a key without a meaning here, ignoring"));
    }
    desk_.psks().SetDefaultHash(config_.psk_hash);
    live_.Enable(config_.recheck_sessions);
    UseFiles();
    netns_.Use(config_.netns);
    supervisor_.StartGroups(netns_.groups());
    LogEvent event{EventKind::kConfigLoaded, LogLevel::kInfo, {}};
    log_.Write(event.Add("file", config_path_));
  }

  // Loads what the settings name: it may have changed though they did not.
  void UseFiles() {
    // Watched before they are opened: no change in between goes unseen.
    std::vector<std::string> files = resources_.PlacesOf(config_);
    files.push_back(config_path_);
    files_.Set(std::move(files));
    resources_.Reload(config_);
  }

  // Until no handshake is under way any more. Who asks a second time does not
  // want to wait.
  Status Finish() {
    const MonotonicTime end = clock_.Now() + kLongestFinish;
    while (!desk_.idle() && !stopping_.has_value() && clock_.Now() < end) {
      RETURN_IF_ERROR(Serve({end}));
    }
    return Ok{};
  }

  Status Stop() {
    if (const auto why = std::exchange(stopping_, std::nullopt)) {
      duties_.Stopping(*why);
    }
    netns_.Leave();
    kernel_->StopTaking();
    desk_.TakeRequests(JobDesk::Age::kOld);
    desk_.TakeNoMore();
    RETURN_IF_ERROR(Finish());
    if (stopping_.has_value()) {
      duties_.Stopping(*stopping_);
    }
    desk_.Close();
    supervisor_.Close();
    const MonotonicTime end = clock_.Now() + kLongestEnd;
    while (!supervisor_.all_ended() && clock_.Now() < end) {
      RETURN_IF_ERROR(RunLoop(milliseconds(100)));
      supervisor_.OnTime();
    }
    LogEvent event{EventKind::kStopped, LogLevel::kNotice, {}};
    const Answers::Counts& counts = desk_.counts();
    log_.Write(
        event.Add("succeeded", static_cast<int64_t>(counts.succeeded))
            .Add("failed", static_cast<int64_t>(counts.failed))
            .Add("refused_by_kernel",
                 static_cast<int64_t>(counts.refused_by_kernel))
            .Add("consumer_gone", static_cast<int64_t>(counts.consumer_gone)));
    return Ok{};
  }

  const std::string config_path_;
  Config config_;
  RecordingSink& log_;
  ktls::SocketOps& socket_ops_;
  TurnClock& clock_;
  LinkedKeyrings& keyrings_;
  const std::unique_ptr<EagerKernel> kernel_;
  MonitorLoop loop_;
  const Offload offload_;
  const Cell cell_;
  NetnsService netns_;
  ServiceDuties duties_;
  Resources resources_{log_, KeyOwner(cell_.user)};
  Roster roster_;
  LiveSessions live_{log_, clock_, resources_};
  JobDesk desk_{
      {*kernel_, keyrings_.kernel, keyrings_.uses, socket_ops_, clock_, log_,
       resources_, roster_, live_, offload_.suites, offload_.record_size_limit},
      MakeRoom()};
  Switchboard switchboard_{desk_, resources_, roster_};
  Supervisor supervisor_{loop_, switchboard_, log_, clock_, cell_};
  FileWatch files_{loop_, clock_};
  ControlServer control_{loop_, clock_, [this](ControlQuestion question) {
                           return AnswerQuestion(question);
                         }};
  std::vector<MonitorLoop::WatchPtr> watches_;
  const MonotonicTime started_ = clock_.Now();
  MonotonicTime look_at_ = clock_.Now() + kLookForRequestsEvery;
  bool reload_ = false;
  std::optional<Why> stopping_;
};

// By the kernel's speed with them; ChaCha20 is for machines without AES, CCM
// for peers that have nothing else.
constexpr std::array kPreferredSuites = {
    CipherSuite::kAes256GcmSha384, CipherSuite::kAes128GcmSha256,
    CipherSuite::kChaCha20Poly1305Sha256, CipherSuite::kAes128CcmSha256};

// What handshakes may agree on: of our choice, what this kernel takes. When it
// takes none of it, or could not be asked, each handshake will say so itself.
std::vector<CipherSuite> AllowedSuites(const ktls::Capabilities& kernel) {
  std::vector<CipherSuite> allowed;
  std::ranges::copy_if(kPreferredSuites, std::back_inserter(allowed),
                       [&kernel](CipherSuite suite) {
                         return std::ranges::count(kernel.suites, suite) != 0;
                       });
  return allowed;
}

Offload UseWhatIsThere(LogSink& log, const Result<ktls::Capabilities>& found,
                       const KernelPolicy& policy) {
  std::vector<CipherSuite> all(kPreferredSuites.begin(),
                               kPreferredSuites.end());
  LogEvent event{EventKind::kStarted, LogLevel::kNotice, {}};
  event.Add("pid", ::getpid());
  event.Add("done_attributes",
            policy.told() ? policy.done_attributes() : "unknown");
  if (!found.ok()) {
    event.level = LogLevel::kWarning;
    log.Write(event.Add("reason", found.error().what));
    return {all};
  }
  std::string suites;
  for (const CipherSuite suite : found->suites) {
    suites += (suites.empty() ? "" : ",") + std::string(CipherSuiteName(suite));
  }
  log.Write(event.Add("tls", found->tls ? "yes" : "no")
                .Add("suites", suites)
                .Add("record_size_limit", found->payload_limit ? "yes" : "no"));
  const std::vector<CipherSuite> allowed = AllowedSuites(*found);
  return {allowed.empty() ? all : allowed, found->payload_limit};
}

// Also needs the network namespace of the start.
Result<OpenUpcalls> Join(const OpenKernelCall& open, ServiceDuties& duties) {
  ASSIGN_OR_RETURN(OpenUpcalls upcalls, open(duties.TakeReadySocket()));
  const BorrowedFd ready = upcalls.kernel->ready_socket();
  duties.Joined(ready, upcalls.ready_origin,
                Listeners::Here(ready, upcalls.ready_group));
  return upcalls;
}

// All that needs more privilege than the rest of the monitor's life, once
// everything is open that is opened in the network namespace of its start.
Result<Withdrawal> Withdraw(bool enters_netns) {
  const char* const user = std::getenv("KTLSD_USER");
  ASSIGN_OR_RETURN(const RoleUser role_user,
                   FindRoleUser(user == nullptr ? "" : user));
  // A service manager that made the roles' root gives no privilege to make one,
  // and none to leave the network: then their filters alone keep them from it.
  const char* const made = std::getenv("KTLSD_CELL");
  ASSIGN_OR_RETURN(Cell cell, made == nullptr ? MakeCell(role_user)
                                              : UseCell(made, role_user));
  if (const char* const root = std::getenv("KTLSD_TOKEN_ROOT")) {
    ASSIGN_OR_RETURN(cell.token_root, OpenTokenRoot(root));
  }
  Withdrawal withdrawal{std::move(cell), std::nullopt};
  if (enters_netns && MayEnterNetns()) {
    ASSIGN_OR_RETURN(const OpenNetns own, NetnsDirectory::OpenOwn());
    withdrawal.netns = own.identity;
  }
  if (made == nullptr) {
    RETURN_IF_ERROR(LeaveNetwork());
  }
  RETURN_IF_ERROR(KeepNeededCapabilities(withdrawal.netns.has_value()
                                             ? OtherNetns::kEntered
                                             : OtherNetns::kNever));
  if (const int error = FilterMonitor(); error != 0) {
    return Error{Code::kSystemFailed, "cannot filter system calls", error};
  }
  return withdrawal;
}

// The exit status: the unit does not start again what cannot get better.
int Complain(LogSink& log, EventKind kind, const Error& error) {
  LogEvent event{kind, LogLevel::kError, {}};
  log.Write(event.Add("reason", error.what).Add("os_error", error.os_error));
  return error.code == Code::kConfigUnusable ? EX_CONFIG : EXIT_FAILURE;
}

void PrepareThisProcess(LogSink& log) {
  BlockSignals();
  ::setpriority(PRIO_PROCESS, 0, kPriority);
  // For the thread that ACCEPTs, once there is no privilege for it.
  constexpr rlimit kRealTime{1, 1};
  ::setrlimit(RLIMIT_RTPRIO, &kRealTime);
  if (const Status prepared = KernelKeyrings::Prepare(); !prepared.ok()) {
    // Only requests with keys of their own will fail for it.
    Complain(log, EventKind::kKernelTrouble, prepared.error());
  }
}

}  // namespace

int RunMonitor(const std::string& config_path, LogSink& sink,
               ktls::SocketOps& socket_ops, const OpenKernelCall& open) {
  const SystemClock system_clock;
  TurnClock clock(system_clock);
  RecordingSink log(sink, clock);
  ServiceDuties duties = ServiceDuties::FromEnvironment(log, clock);
  std::variant<Config, Problem> config = LoadConfig(config_path);
  if (const Problem* problem = std::get_if<Problem>(&config)) {
    LogEvent event{EventKind::kConfigProblem, LogLevel::kError, {}};
    log.Write(event.Add("file", problem->file).Add("reason", problem->reason));
    return EX_CONFIG;
  }
  PrepareThisProcess(log);
  // Before anything is taken. Also loads the kernel's modules, which a worker
  // may not.
  const Result<ktls::Capabilities> found = ktls::Probe(socket_ops);
  Result<OpenUpcalls> upcalls = Join(open, duties);
  Offload offload = UseWhatIsThere(
      log, found, upcalls.ok() ? upcalls->policy : KernelPolicy());
  if (!upcalls.ok()) {
    const int status =
        Complain(log, EventKind::kKernelTrouble, upcalls.error());
    // No kernel gets the upcall while it runs.
    return upcalls.error().os_error == ENOENT ? EX_UNAVAILABLE : status;
  }
  SocketDiag* const diag = upcalls->kernel->diag();
  Status ends_sessions =
      diag != nullptr
          ? TryToAbort(*diag)
          : Status(Error{Code::kNetlinkFailed, "sock_diag cannot be opened"});
  Result<MonitorLoop> loop = MonitorLoop::Create();
  if (!loop.ok()) {
    return Complain(log, EventKind::kKernelTrouble, loop.error());
  }
  Result<Withdrawal> withdrawal =
      Withdraw(!std::get<Config>(config).netns.empty());
  if (!withdrawal.ok()) {
    return Complain(log, EventKind::kKernelTrouble, withdrawal.error());
  }
  LinkedKeyrings keyrings;
  // Its thread begins with what is left of the privileges.
  Result<std::unique_ptr<EagerKernel>> eager =
      EagerKernel::Start(std::move(upcalls->kernel), keyrings.uses);
  if (!eager.ok()) {
    return Complain(log, EventKind::kKernelTrouble, eager.error());
  }
  // Whatever ends this, the destructors have answered every request by then.
  Status run = Ok{};
  try {
    Monitor monitor(config_path, std::move(std::get<Config>(config)), log,
                    socket_ops, clock, keyrings, std::move(eager).value(),
                    std::move(loop).value(), std::move(offload),
                    std::move(withdrawal).value(), std::move(duties),
                    ends_sessions);
    run = monitor.Run();
  } catch (const std::exception&) {
    run = Error{Code::kNoMemory, "the monitor ran out of memory"};
  }
  return run.ok() ? EXIT_SUCCESS
                  : Complain(log, EventKind::kStopped, run.error());
}

}  // namespace ktlsd::agent
