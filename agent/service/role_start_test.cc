#include "agent/service/role_start.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <variant>

#include "agent/ipc/messages.h"
#include "agent/sandbox/lock_step.h"
#include "agent/sandbox/loop_kind.h"

namespace ktlsd::agent {
namespace {

class StartRoleTest : public ::testing::Test {
 protected:
  StartRoleTest() : StartRoleTest(MakeLinkPair().value()) {}

  Link monitor_;
  Link role_;

 private:
  explicit StartRoleTest(std::pair<OwnedFd, OwnedFd> pair)
      : monitor_(std::move(pair.first)), role_(std::move(pair.second)) {}
};

TEST_F(StartRoleTest, ReadsNothingBeforeTheLockDown) {
  EndJob end;
  end.job = 7;
  ASSERT_TRUE(monitor_.Send(end).ok());
  bool locked = false;
  EXPECT_TRUE(StartRole(role_, [&](LoopKind) {
    locked = true;
    return LockResult();
  }));
  EXPECT_TRUE(locked);
  const auto received = role_.Receive<ToWorker>();
  ASSERT_TRUE(received.ok());
  EXPECT_TRUE(received->has_value());
}

TEST_F(StartRoleTest, LocksAWorkerDownWithItsLoop) {
  for (const LoopKind made : {LoopKind::kEpoll, LoopKind::kIoUring}) {
    std::optional<LoopKind> locked;
    EXPECT_TRUE(StartRole(
        role_,
        [&](LoopKind loop) {
          locked = loop;
          return LockResult();
        },
        made));
    EXPECT_EQ(locked, made);
  }
}

TEST_F(StartRoleTest, TellsTheMonitorWhatFailed) {
  EXPECT_FALSE(StartRole(role_, [](LoopKind) {
    return LockResult(LockFailure{LockStep::kUser, EPERM});
  }));
  const auto received = monitor_.Receive<FromWorker>();
  ASSERT_TRUE(received.ok());
  ASSERT_TRUE(received->has_value());
  const auto& notice = std::get<NotConfined>((*received)->message);
  EXPECT_EQ(notice.step, LockStep::kUser);
  EXPECT_EQ(notice.os_error, EPERM);
}

TEST_F(StartRoleTest, IsNotBelievedAStepThatThereIsNot) {
  EXPECT_FALSE(StartRole(role_, [](LoopKind) {
    return LockResult(LockFailure{static_cast<LockStep>(8), EPERM});
  }));
  const auto received = monitor_.Receive<FromWorker>();
  ASSERT_FALSE(received.ok());
  EXPECT_EQ(received.error().code, Code::kApiMisuse);
}

}  // namespace
}  // namespace ktlsd::agent
