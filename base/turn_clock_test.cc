#include "base/turn_clock.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/clock.h"

namespace ktlsd {
namespace {

using std::chrono::seconds;

// A second passes with each reading.
class CountingClock final : public Clock {
 public:
  MonotonicTime Now() const override { return MonotonicTime(seconds(++read)); }
  CalendarTime Today() const override {
    return CalendarTime(seconds(++read_today));
  }
  mutable int read = 0;
  mutable int read_today = 0;
};

TEST(TurnClock, IsReadOnceInATurn) {
  const CountingClock clock;
  TurnClock turn(clock);
  EXPECT_EQ(clock.read, 0);
  EXPECT_EQ(turn.Now(), MonotonicTime(seconds(1)));
  EXPECT_EQ(turn.Now(), MonotonicTime(seconds(1)));
  EXPECT_EQ(turn.Today(), CalendarTime(seconds(1)));
  EXPECT_EQ(turn.Today(), CalendarTime(seconds(1)));
  EXPECT_EQ(clock.read, 1);
  EXPECT_EQ(clock.read_today, 1);
}

TEST(TurnClock, TellsTheTimeOfTheNextTurn) {
  const CountingClock clock;
  TurnClock turn(clock);
  static_cast<void>(turn.Now());
  static_cast<void>(turn.Today());
  turn.NewTurn();
  EXPECT_EQ(turn.Now(), MonotonicTime(seconds(2)));
  EXPECT_EQ(turn.Today(), CalendarTime(seconds(2)));
}

TEST(TurnClock, IsReadForWhatHasToBeExact) {
  const CountingClock clock;
  TurnClock turn(clock);
  static_cast<void>(turn.Now());
  EXPECT_EQ(turn.Exact(), MonotonicTime(seconds(2)));
  EXPECT_EQ(turn.Exact(), MonotonicTime(seconds(3)));
  // Never earlier than what somebody was told.
  EXPECT_EQ(turn.Now(), MonotonicTime(seconds(3)));
}

}  // namespace
}  // namespace ktlsd
