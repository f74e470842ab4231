#include "agent/monitor/service_pulse.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace ktlsd::agent {
namespace {

class ServicePulseTest : public ::testing::Test {
 protected:
  ServicePulseTest() { pulse_.Heard(); }

  // What is seen at each look for longer than anybody may hang.
  bool Hangs(std::size_t unread, uint64_t sent_each_time) {
    for (int i = 0; i < 30; ++i) {
      now_ += ServicePulse::kLookEvery;
      sent_ += sent_each_time;
      pulse_.Look(now_, unread, sent_);
    }
    return pulse_.Fault(now_).has_value();
  }

  ServicePulse pulse_;
  MonotonicTime now_{std::chrono::hours(1)};
  uint64_t sent_ = 0;
};

TEST_F(ServicePulseTest, HangsWhereItReadsNothing) {
  EXPECT_TRUE(Hangs(100, 0));
}

TEST_F(ServicePulseTest, NeedNotSayAnythingWithNothingToRead) {
  EXPECT_FALSE(Hangs(0, 0));
  EXPECT_FALSE(Hangs(0, 3));
}

// Whenever somebody looks it was told something just now.
TEST_F(ServicePulseTest, ReadsWhereNoMoreIsUnreadThoughItWasToldMore) {
  EXPECT_FALSE(Hangs(100, 3));
}

TEST_F(ServicePulseTest, HangsWhereAllThatItIsToldStaysUnread) {
  for (std::size_t i = 1; i <= 30; ++i) {
    now_ += ServicePulse::kLookEvery;
    pulse_.Look(now_, 1000 * i, ++sent_);
  }
  EXPECT_TRUE(pulse_.Fault(now_).has_value());
}

TEST_F(ServicePulseTest, ReadsWhereLessIsUnreadThanItWasTold) {
  for (std::size_t i = 1; i <= 30; ++i) {
    now_ += ServicePulse::kLookEvery;
    sent_ += 10;
    pulse_.Look(now_, 1000 * i, sent_);
  }
  EXPECT_FALSE(pulse_.Fault(now_).has_value());
}

}  // namespace
}  // namespace ktlsd::agent
