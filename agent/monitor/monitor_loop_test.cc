#include "agent/monitor/monitor_loop.h"

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "agent/monitor/file_watch.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "base/testing/socket_pair.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TestClock final : public Clock {
 public:
  MonotonicTime Now() const override { return now; }
  CalendarTime Today() const override { return {}; }
  MonotonicTime now{std::chrono::hours(1)};
};

class MonitorLoopTest : public ::testing::Test {
 protected:
  MonitorLoopTest() : loop_(std::move(MonitorLoop::Create()).value()) {}
  // Runs until `done`, for ten seconds at most.
  void RunUntil(const bool& done) {
    for (int i = 0; i < 1000 && !done; ++i) {
      ASSERT_TRUE(loop_.RunOnce(milliseconds(10)).ok());
    }
    EXPECT_TRUE(done);
  }
  static std::string NewDirectory() {
    std::string path = ::testing::TempDir() + "/watchedXXXXXX";
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    return path;
  }

  MonitorLoop loop_;
};

// Nothing is thrown through the C library; the owner has to end.
TEST_F(MonitorLoopTest, FailsWhenACallbackThrows) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const OwnedFd out(ends[0]);
  const OwnedFd in(ends[1]);
  auto watch = loop_.OnReadable(out.borrow(), [] { throw std::bad_alloc(); });
  ASSERT_TRUE(watch.ok());
  ASSERT_EQ(::write(in.raw(), "x", 1), 1);
  const Status run = loop_.RunOnce(seconds(10));
  ASSERT_FALSE(run.ok());
  EXPECT_EQ(run.error().code, Code::kNoMemory);
}

TEST_F(MonitorLoopTest, SeesWhatCanBeRead) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const OwnedFd out(ends[0]);
  const OwnedFd in(ends[1]);
  bool seen = false;
  auto watch = loop_.OnReadable(out.borrow(), [&] { seen = true; });
  ASSERT_TRUE(watch.ok());
  ASSERT_TRUE(loop_.RunOnce(milliseconds(0)).ok());
  EXPECT_FALSE(seen);
  ASSERT_EQ(::write(in.raw(), "x", 1), 1);
  RunUntil(seen);
  (*watch)->Stop();
  seen = false;
  ASSERT_TRUE(loop_.RunOnce(milliseconds(0)).ok());
  EXPECT_FALSE(seen);
}

TEST_F(MonitorLoopTest, HandlesAllThatHappenedAndWhatIsUrgentFirst) {
  const std::array<SocketPair, 3> pairs;
  std::vector<int> told;
  std::vector<MonitorLoop::WatchPtr> watches;
  for (const int i : {0, 1, 2}) {
    auto watch = loop_.OnReadable(
        pairs[static_cast<std::size_t>(i)].ours.borrow(),
        [&told, i] { told.push_back(i); },
        i == 2 ? MonitorLoop::Urgency::kFirst : MonitorLoop::Urgency::kNormal);
    ASSERT_TRUE(watch.ok());
    watches.push_back(std::move(watch).value());
    pairs[static_cast<std::size_t>(i)].Send();
  }
  ASSERT_TRUE(loop_.RunOnce(seconds(10)).ok());
  EXPECT_EQ(told, (std::vector<int>{2, 0, 1}));
}

TEST_F(MonitorLoopTest, TellsNobodyWhoWasDroppedInTheSameTurn) {
  const std::array<SocketPair, 2> pairs;
  std::array<MonitorLoop::WatchPtr, 2> watches;
  int told = 0;
  for (const std::size_t i : {0U, 1U}) {
    auto watch = loop_.OnReadable(pairs[i].ours.borrow(), [&, i] {
      ++told;
      watches[1 - i].reset();
    });
    ASSERT_TRUE(watch.ok());
    watches[i] = std::move(watch).value();
    pairs[i].Send();
  }
  ASSERT_TRUE(loop_.RunOnce(seconds(10)).ok());
  EXPECT_EQ(told, 1);
}

TEST_F(MonitorLoopTest, LeavesTheRestToTheNextTurn) {
  const std::array<SocketPair, MonitorLoop::kMostEvents + 3> pairs;
  std::vector<MonitorLoop::WatchPtr> watches;
  int told = 0;
  for (const SocketPair& pair : pairs) {
    auto watch = loop_.OnReadable(pair.ours.borrow(), [&] {
      ++told;
      pair.Read();
    });
    ASSERT_TRUE(watch.ok());
    watches.push_back(std::move(watch).value());
    pair.Send();
  }
  ASSERT_TRUE(loop_.RunOnce(seconds(10)).ok());
  EXPECT_EQ(told, MonitorLoop::kMostEvents);
  ASSERT_TRUE(loop_.RunOnce(seconds(10)).ok());
  EXPECT_EQ(told, MonitorLoop::kMostEvents + 3);
}

TEST_F(MonitorLoopTest, TellsWhoDoesNotListenOfTheEndOnly) {
  SocketPair pair;
  int told = 0;
  auto watch = loop_.OnReadable(pair.ours.borrow(), [&] { ++told; });
  ASSERT_TRUE(watch.ok());
  ASSERT_TRUE((*watch)->Listen(false).ok());
  pair.Send();
  ASSERT_TRUE(loop_.RunOnce(milliseconds(0)).ok());
  EXPECT_EQ(told, 0);
  ASSERT_TRUE((*watch)->Listen(true).ok());
  ASSERT_TRUE(loop_.RunOnce(milliseconds(0)).ok());
  EXPECT_EQ(told, 1);
  ASSERT_TRUE((*watch)->Listen(false).ok());
  pair.theirs.Close();
  ASSERT_TRUE(loop_.RunOnce(seconds(10)).ok());
  EXPECT_EQ(told, 2);
  (*watch)->Stop();
  EXPECT_TRUE((*watch)->Listen(true).ok());  // it stays so
  ASSERT_TRUE(loop_.RunOnce(milliseconds(0)).ok());
  EXPECT_EQ(told, 2);
}

TEST_F(MonitorLoopTest, WaitsNotShorterThanItWasTold) {
  const auto before = std::chrono::steady_clock::now();
  ASSERT_TRUE(loop_.RunOnce(std::chrono::microseconds(1500)).ok());
  EXPECT_GE(std::chrono::steady_clock::now() - before,
            std::chrono::microseconds(1500));
}

TEST_F(MonitorLoopTest, SeesASignal) {
  sigset_t user;
  ::sigemptyset(&user);
  ::sigaddset(&user, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &user, nullptr);
  bool seen = false;
  auto watch = loop_.OnSignal(SIGUSR1, [&] { seen = true; });
  ASSERT_TRUE(watch.ok());
  ASSERT_TRUE(loop_.RunOnce(milliseconds(0)).ok());
  EXPECT_FALSE(seen);
  ::kill(::getpid(), SIGUSR1);
  RunUntil(seen);
  seen = false;
  ASSERT_TRUE(loop_.RunOnce(milliseconds(0)).ok());
  EXPECT_FALSE(seen);
}

// Both of one directory, each of its own.
TEST_F(MonitorLoopTest, TellsAllWhoWatchADirectory) {
  const std::string directory = NewDirectory();
  const std::string other = NewDirectory();
  std::array<int, 3> told{};
  auto first = loop_.OnDirectoryChange(directory, [&] { ++told[0]; });
  auto second = loop_.OnDirectoryChange(directory, [&] { ++told[1]; });
  auto third = loop_.OnDirectoryChange(other, [&] { ++told[2]; });
  ASSERT_TRUE(first.ok() && second.ok() && third.ok());
  ::mkdir((directory + "/a").c_str(), 0700);
  ASSERT_TRUE(loop_.RunOnce(seconds(10)).ok());
  EXPECT_EQ(told, (std::array<int, 3>{1, 1, 0}));
  first->reset();
  ::mkdir((directory + "/b").c_str(), 0700);
  ASSERT_TRUE(loop_.RunOnce(seconds(10)).ok());
  EXPECT_EQ(told, (std::array<int, 3>{1, 2, 0}));
  second->reset();
  ::mkdir((directory + "/c").c_str(), 0700);
  ::mkdir((other + "/c").c_str(), 0700);
  ASSERT_TRUE(loop_.RunOnce(seconds(10)).ok());
  EXPECT_EQ(told, (std::array<int, 3>{1, 2, 1}));
  EXPECT_FALSE(loop_.OnDirectoryChange(directory + "/none", [] {}).ok());
}

TEST_F(MonitorLoopTest, SeesHowAChildEnded) {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  std::string shell = "sh";
  std::string option = "-c";
  for (const auto& [command, expected] :
       {std::pair{"exit 3", "exit status 3"},
        std::pair{"kill -9 $$", "killed by signal 9"}}) {
    std::string text = command;
    const std::array<char*, 4> arguments = {shell.data(), option.data(),
                                            text.data(), nullptr};
    pid_t pid = 0;
    ASSERT_EQ(::posix_spawn(&pid, "/bin/sh", nullptr, nullptr, arguments.data(),
                            ::environ),
              0);
    bool ended = false;
    std::string how;
    auto watch = loop_.OnChildEnd(pid, [&](const std::string& words) {
      how = words;
      ended = true;
    });
    ASSERT_TRUE(watch.ok());
    RunUntil(ended);
    EXPECT_EQ(how, expected);
  }
}

TEST_F(MonitorLoopTest, NoticesARenewedFileOnceItHasSettled) {
  const std::string file = NewDirectory() + "/certificate";
  std::ofstream(file) << "old";
  TestClock clock;
  FileWatch files(loop_, clock);
  files.Set({file});
  EXPECT_FALSE(files.Changed());
  std::ofstream(file) << "renewed";
  const auto before = files.NextWake();
  bool noticed = false;
  for (int i = 0; i < 100 && !noticed; ++i) {
    ASSERT_TRUE(loop_.RunOnce(milliseconds(10)).ok());
    noticed = files.NextWake() < before;
  }
  EXPECT_TRUE(noticed);
  EXPECT_FALSE(files.Changed());  // perhaps not yet whole
  clock.now += milliseconds(300);
  EXPECT_TRUE(files.Changed());
}

TEST_F(MonitorLoopTest, LooksNowAndThenWhereNothingTells) {
  const std::string file = NewDirectory() + "/absent/certificate";
  TestClock clock;
  FileWatch files(loop_, clock);
  files.Set({file});  // its directory is not there to be watched
  ::mkdir(file.substr(0, file.rfind('/')).c_str(), 0700);
  std::ofstream(file) << "new";
  EXPECT_FALSE(files.Changed());
  clock.now += seconds(30);
  EXPECT_TRUE(files.Changed());
}

}  // namespace
}  // namespace ktlsd::agent
