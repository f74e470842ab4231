// Processes that are really started: by this test's own program, see main().
#include "agent/monitor/supervisor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/control/status_report.h"
#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/monitor/monitor_loop.h"
#include "agent/monitor/spawn.h"
#include "agent/monitor/status_of.h"
#include "agent/monitor/testing/world.h"
#include "agent/sandbox/cell.h"
#include "agent/sandbox/lock_step.h"
#include "agent/sandbox/process_role.h"
#include "agent/service/process.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

// In the environment of a role: it says nothing.
constexpr char kSilent[] = "KTLSD_TEST_SILENT";

void SetSignal(int how, int number) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, number);
  ::sigprocmask(how, &set, nullptr);
}

// Nobody is locked into it here.
Cell SomeCell() {
  return {OwnedFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)), {}};
}

class SupervisorTest : public World {
 protected:
  SupervisorTest() : loop_(std::move(MonitorLoop::Create()).value()) {
    SetSignal(SIG_BLOCK, SIGCHLD);
  }
  ~SupervisorTest() override {
    supervisor_.Close();
    for (int i = 0; i < 1000 && !supervisor_.all_ended(); ++i) {
      EXPECT_TRUE(loop_.RunOnce(milliseconds(10)).ok());
    }
    EXPECT_TRUE(supervisor_.all_ended());
  }
  template <typename Condition>
  void RunUntil(const Condition& done) {
    for (int i = 0; i < 1000 && !done(); ++i) {
      ASSERT_TRUE(loop_.RunOnce(milliseconds(10)).ok());
      supervisor_.OnTime();
    }
    EXPECT_TRUE(done()) << log_.All();
  }

  MonitorLoop loop_;
  Cell cell_ = SomeCell();
  Supervisor supervisor_{loop_, switchboard_, log_, clock_, cell_};
};

// The role "verifier" of main() says with its exit code what it inherited.
TEST(Spawn, GivesARoleNothingButItsLink) {
  auto spawned = Spawn(ProcessRole::kVerifier, SomeCell());
  ASSERT_TRUE(spawned.ok());
  int status = 0;
  ASSERT_EQ(::waitpid(spawned->pid, &status, 0), spawned->pid);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(SupervisorTest, ClosesWhatCouldNotBeStarted) {
  // More than one string may be that a program is started with.
  const std::string huge(1 << 20, 'x');
  ASSERT_EQ(::setenv("KTLSD_TEST_HUGE", huge.c_str(), 1), 0);
  supervisor_.Start(1);
  ::unsetenv("KTLSD_TEST_HUGE");
  EXPECT_EQ(log_.Count("event=process_ended", "cannot start a process"), 5);
  supervisor_.Close();
  EXPECT_TRUE(supervisor_.all_ended());
}

// From here on this process starts children and can watch none.
bool ForbidWatchingChildren() {
  std::array<sock_filter, 4> code = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMFILE),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{code.size(), code.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST_F(SupervisorTest, StartsAgainWhatItCouldNotWatch) {
  constexpr int kRoles = 5;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    bool right = ForbidWatchingChildren();
    supervisor_.Start(1);
    right = right && supervisor_.all_ended() &&
            supervisor_.NextWake() == clock_.Now() + milliseconds(100) &&
            log_.Count("cannot watch for an event") == kRoles;
    clock_.Advance(milliseconds(100));
    supervisor_.OnTime();
    right = right && log_.Count("cannot watch for an event") == 2 * kRoles;
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// The role "keeper" of main() says that it could not lock itself down.
TEST_F(SupervisorTest, SaysWhyARoleWasNotConfined) {
  supervisor_.Start(1);
  RunUntil([&] {
    return log_.Count("event=process_ended", "role=keeper",
                      "cannot enter an empty root directory",
                      "os_error=1") == 1;
  });
}

// The role "worker" of main() does what no worker does.
TEST_F(SupervisorTest, SaysWhoMisbehaved) {
  supervisor_.Start(1);
  RunUntil([&] { return log_.Count("event=process_misbehaved") == 3; });
  EXPECT_EQ(log_.Count("event=process_misbehaved", "role=worker"), 3);
}

// And that it has no io_uring.
TEST_F(SupervisorTest, SaysOnceWhatWorkersWaitWith) {
  supervisor_.Start(1);
  RunUntil([&] { return log_.Count("event=process_misbehaved") == 3; });
  EXPECT_EQ(log_.Count("event_loop="), 1) << log_.All();
  EXPECT_EQ(log_.Count("event=started", "role=worker", "event_loop=epoll",
                       "os_error=1"),
            1)
      << log_.All();
}

TEST_F(SupervisorTest, ReplacesQuietlyWhatHadItsShare) {
  supervisor_.Start(1);
  Roster::Worker* worker = nullptr;
  for (const WorkerId id : roster_.Ids()) {
    worker = roster_.Find(id);
    worker->taken = Roster::kJobsPerLife;
  }
  ASSERT_NE(worker, nullptr);
  switchboard_.OnTime();
  supervisor_.OnTime();
  EXPECT_EQ(log_.Count("event=process_replaced", "role=worker"), 3);
  EXPECT_EQ(log_.Count("role=worker"), 3) << log_.All();
}

TEST_F(SupervisorTest, ReplacesAWorkerThatIsOldButNotOneThatHadNothingToDo) {
  supervisor_.Start(1);
  const std::vector<WorkerId> ids = roster_.Ids();
  ASSERT_EQ(ids.size(), 3U);
  roster_.Find(ids[0])->taken = 1;
  clock_.Advance(std::chrono::minutes(59));
  supervisor_.OnTime();
  switchboard_.OnTime();
  supervisor_.OnTime();
  EXPECT_EQ(log_.Count("event=process_replaced"), 0);
  clock_.Advance(std::chrono::minutes(1));
  supervisor_.OnTime();
  switchboard_.OnTime();
  supervisor_.OnTime();
  EXPECT_EQ(log_.Count("event=process_replaced", "served long enough"), 1);
  EXPECT_EQ(log_.Count("event=process_replaced"), 1);
}

// What it does it still may end: its jobs have their deadlines.
TEST_F(SupervisorTest, EndsTheWorkersOfAGroupThatIsGoneOnceTheyAreIdle) {
  supervisor_.StartGroups({"netns.blue"});
  const std::vector<WorkerId> ids = roster_.Ids();
  ASSERT_EQ(ids.size(), 3U);
  Roster::Worker& busy = *roster_.Find(ids[0]);
  Roster::Begin(busy, 7);
  const auto turn = [this] {
    switchboard_.OnTime();
    supervisor_.OnTime();
  };
  supervisor_.StartGroups({});
  EXPECT_FALSE(busy.has_room());
  turn();
  EXPECT_EQ(roster_.Ids(), std::vector<WorkerId>{ids[0]});
  EXPECT_EQ(busy.running.size(), 1U);
  // Those of a group of the same name do not wait for it.
  supervisor_.StartGroups({"netns.blue"});
  EXPECT_EQ(roster_.Ids().size(), 4U);
  EXPECT_EQ(supervisor_.Processes().size(), 6U);
  Roster::TakeReport(busy, 7);
  turn();
  EXPECT_EQ(roster_.Find(ids[0]), nullptr);
  EXPECT_EQ(roster_.Ids().size(), 3U);
  EXPECT_EQ(log_.Count("event=process_replaced", "role=worker",
                       "the settings of its network namespace are gone"),
            3)
      << log_.All();
}

TEST_F(SupervisorTest, IsToldOfInTheStatus) {
  supervisor_.Start(1);
  Ask(NfsTls());  // waits: nothing is loaded yet
  roster_.Find(roster_.Ids().front())->taken = 9;
  clock_.Advance(milliseconds(2500));
  const StatusReport report =
      StatusOf(desk_, supervisor_, roster_, resources_, clock_);
  EXPECT_EQ(report.queued, 1U);
  EXPECT_EQ(report.running, 0U);
  EXPECT_EQ(report.capacity, 4U);
  ASSERT_EQ(report.processes.size(), 5U);
  EXPECT_EQ(report.processes[0].role, "keeper");
  EXPECT_EQ(report.processes[0].pool, "");
  EXPECT_NE(report.processes[0].pid, 0);
  EXPECT_EQ(report.processes[0].age, std::chrono::seconds(2));
  EXPECT_EQ(report.processes[2].pool, "server");
  EXPECT_EQ(report.processes[2].jobs_taken, 9U);
  EXPECT_EQ(report.processes[4].pool, "psk");
  ASSERT_EQ(report.settings.size(), 6U);
  EXPECT_EQ(report.settings[0].state, StatusReport::State::kLoading);
}

TEST_F(World, SaysInTheStatusWhatIsUnusable) {
  MonitorLoop loop = std::move(MonitorLoop::Create()).value();
  const Cell cell = SomeCell();
  const Supervisor supervisor(loop, switchboard_, log_, clock_, cell);
  StartServices();
  Config config = GoodConfig();
  config.client.truststore = "/no/such/file";
  config.server.certificate.reset();
  config.server.private_key.reset();
  resources_.Reload(config);
  LoadAll();
  const StatusReport report =
      StatusOf(desk_, supervisor, roster_, resources_, clock_);
  ASSERT_EQ(report.settings.size(), 4U);
  const StatusReport::Setting& trust = report.settings[0];
  EXPECT_EQ(trust.group + " " + trust.name, "authenticate.client trust");
  EXPECT_EQ(trust.side, "client");
  EXPECT_EQ(trust.state, StatusReport::State::kUnusable);
  EXPECT_EQ(trust.file, "/no/such/file");
  EXPECT_FALSE(trust.reason.empty());
  EXPECT_EQ(report.settings[1].state, StatusReport::State::kLoaded);
  EXPECT_EQ(report.settings[2].state, StatusReport::State::kLoaded);
  EXPECT_EQ(report.settings[3].state, StatusReport::State::kAbsent);
}

// A keeper can open tokens only as it starts.
TEST_F(SupervisorTest, ReplacesAKeeperThatOpenedOtherTokens) {
  supervisor_.Start(1);
  Config config = GoodConfig();
  config.server.private_key = "pkcs11:object=b";
  resources_.Reload(config);

  supervisor_.OnTime();

  EXPECT_EQ(log_.Count("event=process_replaced", "role=keeper"), 1);
  EXPECT_EQ(resources_.keeper(), nullptr);
  RunUntil([&] {
    clock_.Advance(milliseconds(100));
    return resources_.keeper() != nullptr;
  });
  EXPECT_FALSE(resources_.keeper_outdated());
}

// The role "keeper" of main() reads nothing.
TEST_F(SupervisorTest, ReplacesAKeeperThatHangs) {
  ::setenv(kSilent, "", 1);
  supervisor_.Start(1);
  ::unsetenv(kSilent);
  switchboard_.OnTime();
  clock_.Advance(ServicePulse::kStartsWithin);
  switchboard_.OnTime();
  supervisor_.OnTime();
  EXPECT_EQ(log_.Count("event=process_misbehaved", "role=keeper",
                       "it does not answer"),
            1)
      << log_.All();
  EXPECT_EQ(resources_.keeper(), nullptr);
  RunUntil([&] {
    clock_.Advance(milliseconds(100));
    return resources_.keeper() != nullptr;
  });
}

std::string Target(int descriptor) {
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  std::array<char, 256> target{};
  const ssize_t size =
      ::readlink(path.c_str(), target.data(), target.size() - 1);
  return size < 0 ? "" : target.data();
}

// The bit of each thing that should not be there.
int JudgeInheritance() {
  int faults = Target(STDIN_FILENO) == "/dev/null" ? 0 : 1;
  faults |= Target(STDOUT_FILENO) == "/dev/null" ? 0 : 2;
  faults |= kReportsToStderr || Target(STDERR_FILENO) == "/dev/null" ? 0 : 4;
  faults |= Target(kLinkDescriptor).starts_with("socket:") ? 0 : 8;
  faults |= Target(kRootDescriptor) == "/" ? 0 : 32;
  for (int descriptor = kRootDescriptor + 1; descriptor < 256; ++descriptor) {
    faults |= Target(descriptor).empty() ? 0 : 16;
  }
  return faults;
}

int PlayRole(std::string_view role) {
  if (role == "--role=verifier") {
    return JudgeInheritance();
  }
  Link link((OwnedFd(kLinkDescriptor)));
  if (role == "--role=worker") {
    LoopChosen chosen;
    chosen.os_error = EPERM;
    static_cast<void>(link.Send(chosen));
    SignRequest request;
    request.job = request.credential = 1;
    static_cast<void>(link.Send(request));
  }
  if (role == "--role=keeper" && std::getenv(kSilent) == nullptr) {
    NotConfined notice;
    notice.step = LockStep::kRoot;
    notice.os_error = EPERM;
    static_cast<void>(link.Send(notice));
  }
  pollfd closed{kLinkDescriptor, 0, 0};
  return ::poll(&closed, 1, -1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace ktlsd::agent

int main(int count, char** arguments) {
  if (count > 1 && std::string_view(arguments[1]).starts_with("--role=")) {
    return ktlsd::agent::PlayRole(arguments[1]);
  }
  ::testing::InitGoogleTest(&count, arguments);
  return RUN_ALL_TESTS();
}
