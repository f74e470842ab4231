#include "agent/control/control_server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/control/control_socket.h"
#include "agent/control/protocol.h"
#include "agent/monitor/monitor_loop.h"
#include "base/clock.h"
#include "base/error_codes.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

class HandClock final : public Clock {
 public:
  MonotonicTime Now() const override { return now; }
  CalendarTime Today() const override { return {}; }
  MonotonicTime now{std::chrono::hours(1)};
};

class ControlServerTest : public ::testing::Test {
 protected:
  ControlServerTest() : loop_(std::move(MonitorLoop::Create()).value()) {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    path_ = directory_ + "/control";
  }
  ~ControlServerTest() override {
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
  }

  void Open() {
    const Status opened = server_.Open(path_);
    ASSERT_TRUE(opened.ok()) << opened.error().what;
  }
  OwnedFd Connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    OwnedFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(client.raw(), reinterpret_cast<sockaddr*>(&address),
                        sizeof(address)),
              0);
    return client;
  }
  OwnedFd Ask(const std::string& bytes) const {
    OwnedFd client = Connect();
    EXPECT_EQ(::send(client.raw(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    return client;
  }
  // Handles what has happened.
  void Settle() {
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(loop_.RunOnce(milliseconds(0)).ok());
      server_.OnTime();
    }
  }
  // What is there to be read; nothing while the server keeps it open.
  static std::optional<std::string> All(const OwnedFd& client) {
    std::string all;
    std::array<char, 65536> part;
    for (;;) {
      const ssize_t got =
          ::recv(client.raw(), part.data(), part.size(), MSG_DONTWAIT);
      if (got < 0) {
        return errno == EAGAIN ? std::nullopt : std::optional(all);
      }
      if (got == 0) {
        return all;
      }
      all.append(part.data(), static_cast<std::size_t>(got));
    }
  }
  std::optional<std::string> AnswerTo(const std::string& bytes) {
    const OwnedFd client = Ask(bytes);
    Settle();
    return All(client);
  }

  // A socket's path is short; Bazel's folders for tests are not.
  std::string directory_ = "/tmp/controlXXXXXX";
  std::string path_;
  HandClock clock_;
  MonitorLoop loop_;
  std::string answer_ = "the answer\n";
  std::vector<ControlQuestion> asked_;
  bool admitted_ = true;
  ControlServer server_{loop_, clock_,
                        [this](ControlQuestion question) {
                          asked_.push_back(question);
                          return answer_;
                        },
                        [this](BorrowedFd) { return admitted_; }};
};

TEST_F(ControlServerTest, AnswersAndCloses) {
  Open();
  EXPECT_EQ(AnswerTo("status\n"), "ok 11\nthe answer\n");
  EXPECT_EQ(AnswerTo("metrics\n"), "ok 11\nthe answer\n");
  EXPECT_EQ(asked_,
            (std::vector{ControlQuestion::kStatus, ControlQuestion::kMetrics}));
  EXPECT_EQ(server_.clients(), 0U);
  EXPECT_EQ(server_.NextWake(), std::nullopt);
}

TEST_F(ControlServerTest, TakesAQuestionInParts) {
  Open();
  const OwnedFd client = Ask("sess");
  Settle();
  EXPECT_EQ(All(client), std::nullopt);
  ASSERT_EQ(::send(client.raw(), "ions\n", 5, 0), 5);
  Settle();
  EXPECT_EQ(All(client), "ok 11\nthe answer\n");
}

TEST_F(ControlServerTest, RefusesEveryOtherLine) {
  Open();
  for (const std::string& bytes :
       {std::string("stop\n"), std::string("\n"), std::string("status \n"),
        std::string("status\nstatus\n"), std::string("status\0\n", 8),
        std::string(kMaxControlQuestion, 'a'), std::string(100'000, 'a')}) {
    const std::optional<std::string> answer = AnswerTo(bytes);
    ASSERT_TRUE(answer.has_value()) << bytes.substr(0, 40);
    EXPECT_TRUE(answer->starts_with("error ")) << *answer;
  }
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(server_.clients(), 0U);
}

TEST_F(ControlServerTest, TellsRootOnly) {
  Open();
  admitted_ = false;
  const OwnedFd client = Connect();
  Settle();
  EXPECT_EQ(All(client), "error 17\nonly root may ask");
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(server_.clients(), 0U);
}

TEST_F(ControlServerTest, KnowsWhoIsThere) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const OwnedFd one(ends[0]);
  const OwnedFd other(ends[1]);
  EXPECT_EQ(IsRoots(one.borrow()), ::geteuid() == 0);
  EXPECT_FALSE(IsRoots(BorrowedFd(-1)));
}

TEST_F(ControlServerTest, ServesSoManyAtOnce) {
  Open();
  std::vector<OwnedFd> idle;
  for (std::size_t i = 0; i < ControlServer::kMaxClients; ++i) {
    idle.push_back(Connect());
    Settle();
  }
  EXPECT_EQ(server_.clients(), ControlServer::kMaxClients);
  const OwnedFd late = Connect();
  Settle();
  EXPECT_EQ(All(late), "error 35\ntoo many clients at once, try again");
  idle.pop_back();
  Settle();
  EXPECT_EQ(AnswerTo("status\n"), "ok 11\nthe answer\n");
}

TEST_F(ControlServerTest, DropsWhoSaysNothing) {
  Open();
  const OwnedFd silent = Connect();
  Settle();
  EXPECT_EQ(server_.NextWake(), clock_.now + ControlServer::kTimePerClient);
  clock_.now += ControlServer::kTimePerClient - milliseconds(1);
  Settle();
  EXPECT_EQ(server_.clients(), 1U);
  clock_.now += milliseconds(1);
  Settle();
  EXPECT_EQ(server_.clients(), 0U);
  EXPECT_EQ(All(silent), "");
}

// The loop goes on, and others are served, while it does not read.
TEST_F(ControlServerTest, IsNotHeldUpByASlowReader) {
  Open();
  answer_.assign(kMaxControlAnswer / 2, 'x');
  const OwnedFd slow = Ask("status\n");
  Settle();
  EXPECT_EQ(server_.clients(), 1U);
  answer_ = "short";
  EXPECT_EQ(AnswerTo("status\n"), "ok 5\nshort");
  // Now it reads, and has all of it in the end.
  std::string all;
  std::array<char, 65536> part;
  for (int i = 0; i < 1000 && server_.clients() > 0; ++i) {
    Settle();
    const ssize_t got =
        ::recv(slow.raw(), part.data(), part.size(), MSG_DONTWAIT);
    all.append(part.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  all += All(slow).value_or("(open)");
  EXPECT_EQ(ParseControlReply(all)->body.size(), kMaxControlAnswer / 2);
}

TEST_F(ControlServerTest, DropsWhoNeverReads) {
  Open();
  answer_.assign(kMaxControlAnswer / 2, 'x');
  const OwnedFd stuck = Ask("status\n");
  Settle();
  EXPECT_EQ(server_.clients(), 1U);
  clock_.now += ControlServer::kTimePerClient;
  Settle();
  EXPECT_EQ(server_.clients(), 0U);
}

TEST_F(ControlServerTest, DropsWhoHangsUpInBetween) {
  Open();
  answer_.assign(kMaxControlAnswer / 2, 'x');
  {
    const OwnedFd gone = Ask("status\n");
    Settle();
  }
  Settle();
  EXPECT_EQ(server_.clients(), 0U);
}

TEST_F(ControlServerTest, SendsNoEndlessAnswer) {
  Open();
  answer_.assign(kMaxControlAnswer, 'x');
  EXPECT_EQ(AnswerTo("status\n"), "error 22\nthe answer is too long");
}

TEST_F(ControlServerTest, SurvivesAnAnswerThatThrows) {
  ControlServer server(
      loop_, clock_,
      [](ControlQuestion) -> std::string { throw std::bad_alloc(); },
      [](BorrowedFd) { return true; });
  ASSERT_TRUE(server.Open(path_).ok());
  const OwnedFd client = Ask("status\n");
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(loop_.RunOnce(milliseconds(0)).ok());
    server.OnTime();
  }
  EXPECT_EQ(All(client), "error 24\nno memory for the answer");
}

TEST_F(ControlServerTest, IsRootsInTheFileSystem) {
  ::rmdir(directory_.c_str());
  Open();  // makes its directory
  struct stat info{};
  ASSERT_EQ(::stat(directory_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700U);
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
}

TEST_F(ControlServerTest, LeavesNothingBehind) {
  {
    ControlServer server(loop_, clock_, nullptr);
    ASSERT_TRUE(server.Open(path_).ok());
    EXPECT_EQ(::access(path_.c_str(), F_OK), 0);
  }
  EXPECT_NE(::access(path_.c_str(), F_OK), 0);
}

TEST_F(ControlServerTest, TakesThePlaceOfADeadOneOnly) {
  {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const OwnedFd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(dead.raw(), reinterpret_cast<sockaddr*>(&address),
                     sizeof(address)),
              0);
  }
  Open();
  ControlServer second(loop_, clock_, nullptr);
  const Status refused = second.Open(path_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kConfigUnusable);
  EXPECT_EQ(::access(path_.c_str(), F_OK), 0);
}

TEST_F(ControlServerTest, RefusesAPlaceThatIsNotSafe) {
  ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
  EXPECT_EQ(server_.Open(path_).error().code, Code::kConfigUnusable);
  ASSERT_EQ(::chmod(directory_.c_str(), 0700), 0);
  EXPECT_EQ(server_.Open("relative/control").error().code,
            Code::kConfigUnusable);
  EXPECT_EQ(server_.Open("/" + std::string(200, 'x')).error().code,
            Code::kConfigUnusable);
  EXPECT_EQ(server_.Open("/no/such/place/control").error().code,
            Code::kSystemFailed);
  std::ofstream(path_) << "somebody's";
  EXPECT_EQ(server_.Open(path_).error().code, Code::kSystemFailed);
  EXPECT_EQ(::access(path_.c_str(), F_OK), 0);  // it is not ours to remove
}

}  // namespace
}  // namespace ktlsd::agent
