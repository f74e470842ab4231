// The program, from its arguments to its exit status.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "agent/control/control_server.h"
#include "agent/control/protocol.h"
#include "agent/monitor/monitor_loop.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::ktlsctl {
namespace {

using agent::ControlQuestion;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kProgram[] = "tools/ktlsctl/ktlsctl";
constexpr char kStatus[] =
    R"({"version":"1","pid":5,"uptime_s":9,"requests":{"queued":0,"running":0,)"
    R"("waiting_answers":0,"capacity":9},"answered":{"succeeded":1,"failed":0,)"
    R"("refused_by_kernel":0},"processes":[],"settings":[{"side":"client",)"
    R"("setting":"trust","state":"STATE"}],"kernel":{},"suites":[],)"
    R"("troubles":[]})";
constexpr char kSessions[] =
    R"({"sessions":[{"outcome":"ok","peer":"10.0.0.1:1"},)"
    R"({"outcome":"failed","peer":"10.0.0.2:1"}],)"
    R"("live":[{"since":"2026-06-01T00:00:00.000Z","side":"server",)"
    R"("peer":"10.0.0.3:700","settings":"peer.a","state":"accepted"}]})";
constexpr char kMetrics[] =
    R"({"families":[{"name":"up","help":"h","type":"gauge","samples":)"
    R"([{"labels":{},"value":1}]}]})";

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class KtlsctlTest : public ::testing::Test {
 protected:
  KtlsctlTest() : loop_(std::move(agent::MonitorLoop::Create()).value()) {
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, nullptr);
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    ::setenv("KTLSD_CONTROL", (directory_ + "/control").c_str(), 1);
  }
  ~KtlsctlTest() override {
    for (const char* const name : {"/out", "/err", "/metrics", "/control"}) {
      ::unlink((directory_ + name).c_str());
    }
    ::rmdir(directory_.c_str());
  }

  void StartDaemon() {
    const Status opened = server_.Open(directory_ + "/control");
    ASSERT_TRUE(opened.ok()) << opened.error().what;
  }
  std::string AnswerTo(ControlQuestion question) const {
    switch (question) {
      case ControlQuestion::kStatus: {
        std::string text = kStatus;
        return text.replace(text.find("STATE"), 5, state_);
      }
      case ControlQuestion::kSessions:
        return kSessions;
      case ControlQuestion::kMetrics:
        return metrics_;
    }
    return "";
  }
  // Runs it while the daemon answers; returns its exit status, or -1.
  int Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), kProgram);
    std::vector<char*> pointers;
    for (std::string& argument : arguments) {
      pointers.push_back(argument.data());
    }
    pointers.push_back(nullptr);
    const std::string out = directory_ + "/out";
    const std::string err = directory_ + "/err";
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, 1, out.c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_addopen(&files, 2, err.c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t pid = 0;
    const int spawned = ::posix_spawn(&pid, kProgram, &files, nullptr,
                                      pointers.data(), ::environ);
    ::posix_spawn_file_actions_destroy(&files);
    EXPECT_EQ(spawned, 0);
    int status = -1;
    for (int i = 0; i < 1000 && ::waitpid(pid, &status, WNOHANG) == 0; ++i) {
      EXPECT_TRUE(loop_.RunOnce(std::chrono::milliseconds(10)).ok());
      server_.OnTime();
    }
    out_ = Contents(out);
    err_ = Contents(err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string directory_ = "/tmp/ktlsctlXXXXXX";
  const SystemClock clock_;
  agent::MonitorLoop loop_;
  std::string state_ = "loaded";
  std::string metrics_ = kMetrics;
  bool admitted_ = true;
  agent::ControlServer server_{
      loop_, clock_,
      [this](ControlQuestion question) { return AnswerTo(question); },
      [this](BorrowedFd) { return admitted_; }};
  std::string out_;
  std::string err_;
};

TEST_F(KtlsctlTest, ShowsTheStatus) {
  StartDaemon();
  EXPECT_EQ(Run({"status"}), 0) << err_;
  EXPECT_THAT(out_, StartsWith("ktlsd 1, pid 5, up 9 s\n"));
  EXPECT_EQ(Run({"status", "--json"}), 0);
  EXPECT_THAT(out_, StartsWith(R"({"version":"1","pid":5,)"));
}

TEST_F(KtlsctlTest, SaysWithItsExitStatusThatSomethingIsWrong) {
  StartDaemon();
  state_ = "unusable";
  EXPECT_EQ(Run({"status"}), 1);
  EXPECT_THAT(out_, HasSubstr("unusable"));
  EXPECT_EQ(Run({"status", "--json"}), 1);
}

TEST_F(KtlsctlTest, ShowsSessions) {
  StartDaemon();
  EXPECT_EQ(Run({"sessions"}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("10.0.0.1:1"));
  EXPECT_THAT(out_, HasSubstr("10.0.0.2:1"));
  EXPECT_EQ(Run({"sessions", "--live"}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("10.0.0.3:700"));
  EXPECT_THAT(out_, HasSubstr("accepted"));
  EXPECT_EQ(Run({"sessions", "--live", "--json"}), 0);
  EXPECT_THAT(out_, HasSubstr(R"({"live":[{)"));
  EXPECT_EQ(Run({"sessions", "--failed", "--json"}), 0);
  EXPECT_EQ(out_, R"({"sessions":[{"outcome":"failed","peer":"10.0.0.2:1"}]})"
                  "\n");
  EXPECT_EQ(Run({"sessions", "--peer", "10.0.0.1", "--last", "1", "--json"}),
            0);
  EXPECT_EQ(out_, R"({"sessions":[{"outcome":"ok","peer":"10.0.0.1:1"}]})"
                  "\n");
}

TEST_F(KtlsctlTest, ShowsMetrics) {
  StartDaemon();
  EXPECT_EQ(Run({"metrics"}), 0) << err_;
  EXPECT_EQ(out_, "# HELP up h\n# TYPE up gauge\nup 1\n");
  const std::string file = directory_ + "/metrics";
  EXPECT_EQ(Run({"metrics", "--output", file}), 0);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(Contents(file), "# HELP up h\n# TYPE up gauge\nup 1\n");
  EXPECT_EQ(Run({"metrics", "--output", "/no/such/place"}), 2);
}

TEST_F(KtlsctlTest, SaysThatNobodyListens) {
  EXPECT_EQ(Run({"status"}), 2);
  EXPECT_EQ(err_, "ktlsctl: no ktlsd listens at " + directory_ +
                      "/control: is it running?\n");
  EXPECT_EQ(Run({"status", "--socket", "/elsewhere"}), 2);
  EXPECT_THAT(err_, HasSubstr("/elsewhere"));
}

TEST_F(KtlsctlTest, PassesARefusalOn) {
  StartDaemon();
  admitted_ = false;
  EXPECT_EQ(Run({"status"}), 2);
  EXPECT_EQ(err_, "ktlsctl: only root may ask\n");
  EXPECT_EQ(out_, "");
}

TEST_F(KtlsctlTest, DoesNotPretendToUnderstand) {
  StartDaemon();
  for (const char* const strange :
       {"", "no JSON", "[]", R"({"families":[{"name":1}]})"}) {
    metrics_ = strange;
    EXPECT_EQ(Run({"metrics"}), 2) << strange;
    EXPECT_THAT(err_, HasSubstr("is not of this version")) << strange;
  }
}

TEST_F(KtlsctlTest, RefusesWrongArguments) {
  EXPECT_EQ(Run({}), 2);
  EXPECT_EQ(Run({"unknown"}), 2);
  EXPECT_EQ(Run({"status", "--failed"}), 2);
  EXPECT_EQ(Run({"sessions", "--last", "many"}), 2);
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(out_, HasSubstr("sessions"));
  EXPECT_EQ(Run({"--version"}), 0);
  EXPECT_THAT(out_, StartsWith("ktlsctl version "));
}

}  // namespace
}  // namespace ktlsd::ktlsctl
