// Both ways to wait, and a ring that is too small for anything, through one
// list of tests.
#include "agent/worker/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/sandbox/loop_kind.h"
#include "agent/worker/open_readiness.h"
#include "agent/worker/poll_ring.h"
#include "agent/worker/readiness.h"
#include "agent/worker/ring_calls.h"
#include "agent/worker/ring_readiness.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "base/testing/socket_pair.h"

namespace ktlsd::agent {
namespace {

constexpr auto kAll = Readiness::Interest::kInputAndRoom;

using std::chrono::milliseconds;
using Tokens = std::vector<Readiness::Token>;

enum class With { kEpoll, kRing, kTinyRing };

std::string NameOf(const testing::TestParamInfo<With>& info) {
  return std::array{"Epoll", "Ring", "TinyRing"}.at(
      static_cast<std::size_t>(info.param));
}

Result<std::unique_ptr<Readiness>> Open(With with, RingCalls& calls) {
  switch (with) {
    case With::kEpoll:
      return OpenEpoll();
    case With::kRing:
      return OpenRing(calls);
    case With::kTinyRing:
      return OpenRing(calls, {1, 2});
  }
  return Error{Code::kInternal, "no such way"};
}

class ReadinessTest : public testing::TestWithParam<With> {
 protected:
  void SetUp() override {
    auto opened = Open(GetParam(), calls_);
    if (!opened.ok() && GetParam() != With::kEpoll) {
      GTEST_SKIP() << "no io_uring here: errno " << opened.error().os_error;
    }
    ASSERT_TRUE(opened.ok());
    readiness_ = std::move(opened).value();
  }

  // What is ready by now. A tiny ring tells it bit by bit.
  Tokens Ready() {
    Tokens all;
    for (;;) {
      const std::size_t before = all.size();
      EXPECT_TRUE(readiness_->Wait(milliseconds(0), all).ok());
      if (all.size() == before) {
        std::ranges::sort(all);
        const auto same = std::ranges::unique(all);
        all.erase(same.begin(), same.end());
        return all;
      }
    }
  }

  RingCalls calls_;
  std::unique_ptr<Readiness> readiness_;
};

TEST_P(ReadinessTest, TellsAtOnceThenOfEachChange) {
  const SocketPair pair;
  ASSERT_TRUE(readiness_->Watch(pair.ours.borrow(), 7, kAll).ok());
  EXPECT_EQ(Ready(), Tokens{7});  // it can be written
  EXPECT_EQ(Ready(), Tokens{});
  pair.Send();
  EXPECT_EQ(Ready(), Tokens{7});
  EXPECT_EQ(Ready(), Tokens{});  // though nothing was read
  pair.Send();
  EXPECT_EQ(Ready(), Tokens{7});
}

TEST_P(ReadinessTest, TellsOfTheOtherEnd) {
  SocketPair pair;
  ASSERT_TRUE(readiness_->Watch(pair.ours.borrow(), 7, kAll).ok());
  EXPECT_EQ(Ready(), Tokens{7});
  ::shutdown(pair.theirs.raw(), SHUT_WR);
  EXPECT_EQ(Ready(), Tokens{7});
  pair.theirs.Close();
  EXPECT_EQ(Ready(), Tokens{7});
}

TEST_P(ReadinessTest, TellsWhenThereIsRoomAgain) {
  const SocketPair pair;
  const std::string much(1 << 16, 'x');
  while (::send(pair.ours.raw(), much.data(), much.size(), 0) > 0) {
  }
  ASSERT_TRUE(readiness_->Watch(pair.ours.borrow(), 7, kAll).ok());
  EXPECT_EQ(Ready(), Tokens{});
  std::string taken(1 << 16, 0);
  while (::recv(pair.theirs.raw(), taken.data(), taken.size(), 0) > 0) {
  }
  EXPECT_EQ(Ready(), Tokens{7});
}

TEST_P(ReadinessTest, TellsOfRoomOnlyWhoWantsToKnow) {
  SocketPair pair;
  ASSERT_TRUE(
      readiness_->Watch(pair.ours.borrow(), 7, Readiness::Interest::kInput)
          .ok());
  EXPECT_EQ(Ready(), Tokens{});
  pair.Send();
  EXPECT_EQ(Ready(), Tokens{7});
  pair.theirs.Close();
  EXPECT_EQ(Ready(), Tokens{7});
}

TEST_P(ReadinessTest, IsSilentOnceUnwatched) {
  const SocketPair pair;
  ASSERT_TRUE(readiness_->Watch(pair.ours.borrow(), 7, kAll).ok());
  pair.Send();
  ASSERT_TRUE(readiness_->Unwatch(pair.ours.borrow()).ok());
  EXPECT_EQ(Ready(), Tokens{});
  pair.Send();
  EXPECT_EQ(Ready(), Tokens{});
}

TEST_P(ReadinessTest, UnwatchesOneOfSeveralThatAreReady) {
  const std::array<SocketPair, 5> pairs;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ASSERT_TRUE(readiness_->Watch(pairs[i].ours.borrow(), i, kAll).ok());
  }
  ASSERT_TRUE(readiness_->Unwatch(pairs[2].ours.borrow()).ok());
  EXPECT_EQ(Ready(), (Tokens{0, 1, 3, 4}));
  for (const SocketPair& pair : pairs) {
    pair.Send();
  }
  ASSERT_TRUE(readiness_->Unwatch(pairs[0].ours.borrow()).ok());
  EXPECT_EQ(Ready(), (Tokens{1, 3, 4}));
}

TEST_P(ReadinessTest, HasNothingToUnwatchTwice) {
  const SocketPair pair;
  EXPECT_TRUE(readiness_->Unwatch(pair.ours.borrow()).ok());
  ASSERT_TRUE(readiness_->Watch(pair.ours.borrow(), 7, kAll).ok());
  EXPECT_TRUE(readiness_->Unwatch(pair.ours.borrow()).ok());
  EXPECT_TRUE(readiness_->Unwatch(pair.ours.borrow()).ok());
}

TEST_P(ReadinessTest, TellsALaterWatchOfOneDescriptorOnly) {
  const SocketPair pair;
  for (Readiness::Token token = 1; token < 20; ++token) {
    ASSERT_TRUE(readiness_->Watch(pair.ours.borrow(), token, kAll).ok());
    pair.Send();
    if (token % 2 == 0) {
      EXPECT_EQ(Ready(), Tokens{token});
    }
    ASSERT_TRUE(readiness_->Unwatch(pair.ours.borrow()).ok());
  }
  ASSERT_TRUE(readiness_->Watch(pair.ours.borrow(), 20, kAll).ok());
  EXPECT_EQ(Ready(), Tokens{20});
}

TEST_P(ReadinessTest, RefusesASecondWatchOfOneDescriptor) {
  const SocketPair pair;
  ASSERT_TRUE(readiness_->Watch(pair.ours.borrow(), 7, kAll).ok());
  EXPECT_FALSE(readiness_->Watch(pair.ours.borrow(), 8, kAll).ok());
  EXPECT_EQ(Ready(), Tokens{7});
}

// The kernel uses a socket as soon as its keys are installed. Nothing of it may
// be held here, and no byte gone.
TEST_P(ReadinessTest, LetsGoOfWhatItUnwatches) {
  SocketPair pair;
  ASSERT_TRUE(readiness_->Watch(pair.ours.borrow(), 7, kAll).ok());
  EXPECT_EQ(Ready(), Tokens{7});
  pair.Send();
  ASSERT_TRUE(readiness_->Unwatch(pair.ours.borrow()).ok());
  pair.Read();
  pair.ours.Close();
  char byte = 0;
  EXPECT_EQ(::recv(pair.theirs.raw(), &byte, 1, 0), 0);  // it is closed
}

TEST_P(ReadinessTest, TellsOfMoreThanItHasRoomFor) {
  const std::array<SocketPair, 200> pairs;
  Tokens expected;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ASSERT_TRUE(readiness_->Watch(pairs[i].ours.borrow(), i, kAll).ok());
    expected.push_back(i);
  }
  EXPECT_EQ(Ready(), expected);
  for (const int round : {1, 2, 3}) {
    for (const SocketPair& pair : pairs) {
      pair.Send();
    }
    EXPECT_EQ(Ready(), expected) << round;
  }
  for (const SocketPair& pair : pairs) {
    ASSERT_TRUE(readiness_->Unwatch(pair.ours.borrow()).ok());
  }
  EXPECT_EQ(Ready(), Tokens{});
}

// It may be less: the kernel's work on a ring that was closed just before
// interrupts it.
TEST_P(ReadinessTest, WaitsNoLongerThanItMay) {
  Tokens ready;
  EXPECT_TRUE(readiness_->Wait(milliseconds(1), ready).ok());
  EXPECT_TRUE(ready.empty());
}

TEST_P(ReadinessTest, WaitsWithoutEndForWhatComes) {
  const SocketPair pair;
  ASSERT_TRUE(readiness_->Watch(pair.ours.borrow(), 7, kAll).ok());
  Tokens ready;
  EXPECT_TRUE(readiness_->Wait(std::nullopt, ready).ok());
  EXPECT_EQ(ready, Tokens{7});
}

class EventLoopTest : public ReadinessTest {
 protected:
  SystemClock clock_;
  Tokens told_;
  Tokens late_;
};

TEST_P(EventLoopTest, TellsOfDescriptorsAndOfDeadlinesInTheirOrder) {
  const SocketPair pair;
  EventLoop loop(std::move(readiness_), clock_,
                 {[&](EventLoop::Token token) { told_.push_back(token); },
                  [&](EventLoop::Token token) {
                    late_.push_back(token);
                    if (late_.size() == 3) {
                      loop.Stop();
                    }
                  }});
  const MonotonicTime now = clock_.Now();
  loop.At(now + milliseconds(6), 3);
  loop.At(now + milliseconds(2), 1);
  loop.At(now + milliseconds(4), 2);
  ASSERT_TRUE(loop.Watch(pair.ours.borrow(), 7).ok());
  ASSERT_TRUE(loop.Run().ok());
  EXPECT_EQ(told_, Tokens{7});
  EXPECT_EQ(late_, (Tokens{1, 2, 3}));
  EXPECT_GE(clock_.Now(), now + milliseconds(6));
}

// Where a reading is a system call, few of them are made.
TEST_P(EventLoopTest, ReadsTheClockOnceInATurn) {
  const std::array<SocketPair, 3> pairs;
  std::vector<MonotonicTime> seen;
  EventLoop loop(std::move(readiness_), clock_,
                 {[&](EventLoop::Token token) {
                    seen.push_back(loop.clock().Now());
                    std::this_thread::sleep_for(milliseconds(1));
                    seen.push_back(loop.clock().Now());
                    if (seen.size() == 6) {
                      pairs[token].Send();
                    } else if (seen.size() == 8) {
                      loop.Stop();
                    }
                  },
                  [](EventLoop::Token) {}});
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ASSERT_TRUE(loop.Watch(pairs[i].ours.borrow(), i).ok());
  }
  const MonotonicTime before = clock_.Now();
  ASSERT_TRUE(loop.Run().ok());
  ASSERT_EQ(seen.size(), 8U);
  EXPECT_GE(seen[0], before);
  EXPECT_EQ(seen[0], seen[1]);
  // The next turn has its own; a tiny ring makes more of them.
  EXPECT_GE(seen[6], seen[5] + milliseconds(1));
}

// A handler may end any watch, its own and those that are told next.
TEST_P(EventLoopTest, LetsAHandlerUnwatchAndStop) {
  const std::array<SocketPair, 2> pairs;
  EventLoop loop(std::move(readiness_), clock_,
                 {[&](EventLoop::Token token) {
                    told_.push_back(token);
                    for (const SocketPair& pair : pairs) {
                      EXPECT_TRUE(loop.Unwatch(pair.ours.borrow()).ok());
                    }
                    loop.Stop();
                  },
                  [](EventLoop::Token) {}});
  ASSERT_TRUE(loop.Watch(pairs[0].ours.borrow(), 1).ok());
  ASSERT_TRUE(loop.Watch(pairs[1].ours.borrow(), 2).ok());
  ASSERT_TRUE(loop.Run().ok());
  EXPECT_EQ(told_.size(), 1U);
}

constexpr auto kWays = {With::kEpoll, With::kRing, With::kTinyRing};
INSTANTIATE_TEST_SUITE_P(Each, ReadinessTest, testing::ValuesIn(kWays), NameOf);
INSTANTIATE_TEST_SUITE_P(Each, EventLoopTest, testing::ValuesIn(kWays), NameOf);

TEST(WishedLoop, IsTheDefaultUnlessNamed) {
  EXPECT_EQ(WishedLoop("epoll"), LoopKind::kEpoll);
  EXPECT_EQ(WishedLoop("io_uring"), LoopKind::kIoUring);
  EXPECT_EQ(WishedLoop(""), LoopKind::kEpoll);
  EXPECT_EQ(WishedLoop("select"), LoopKind::kEpoll);
}

}  // namespace
}  // namespace ktlsd::agent
