// What is a ring's own: its restrictions, and what may go wrong with it.
#include "agent/worker/ring_readiness.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/worker/open_readiness.h"
#include "agent/worker/poll_ring.h"
#include "agent/worker/readiness.h"
#include "agent/worker/ring_calls.h"
#include "agent/worker/testing/forger.h"
#include "base/error_codes.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "base/testing/socket_pair.h"

namespace ktlsd::agent {
namespace {

constexpr auto kAll = Readiness::Interest::kInputAndRoom;

using std::chrono::milliseconds;
using Tokens = std::vector<Readiness::Token>;

// The kernel, but for what a test has go wrong.
class FaultyCalls final : public Forger {
 public:
  int Setup(unsigned entries, io_uring_params& params) override {
    if (setup_error != 0) {
      return -setup_error;
    }
    const int ring = Forger::Setup(entries, params);
    params.features &= ~missing_features;
    return ring;
  }
  int Register(int ring, unsigned opcode, const void* argument,
               unsigned count) override {
    return opcode == failing_register
               ? -EINVAL
               : Forger::Register(ring, opcode, argument, count);
  }
  int Enter(int ring, unsigned submit, unsigned least, unsigned flags,
            const io_uring_getevents_arg& argument) override {
    ++entered;
    if (!enter_errors.empty()) {
      const int error = enter_errors.front();
      enter_errors.pop_front();
      return -error;
    }
    return Forger::Enter(ring, std::min(submit, most), least, flags, argument);
  }

  int setup_error = 0;
  unsigned missing_features = 0;
  std::optional<unsigned> failing_register;
  std::deque<int> enter_errors;
  unsigned most = UINT_MAX;  // entries that are taken at once
  unsigned entered = 0;
};

bool HasRings() {
  RingCalls calls;
  return OpenRing(calls).ok();
}

#define SKIP_WITHOUT_RINGS() \
  if (!HasRings()) GTEST_SKIP() << "no io_uring here"

// --- Which loop ---

void ExpectEpoll(RingCalls& calls, int because) {
  const auto opened = OpenReadiness(LoopKind::kIoUring, calls);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->readiness->kind(), LoopKind::kEpoll);
  EXPECT_EQ(opened->os_error, because);
}

TEST(OpenReadiness, TakesEpollWhereThereIsNoRing) {
  for (const int error : {ENOSYS, EPERM, ENOMEM, EINVAL}) {
    FaultyCalls calls;
    calls.setup_error = error;
    ExpectEpoll(calls, error);
  }
}

TEST(OpenReadiness, TakesEpollWhereARingCannotBeRestricted) {
  SKIP_WITHOUT_RINGS();
  for (const unsigned opcode :
       {IORING_REGISTER_RESTRICTIONS, IORING_REGISTER_ENABLE_RINGS}) {
    FaultyCalls calls;
    calls.failing_register = opcode;
    ExpectEpoll(calls, EINVAL);
  }
}

TEST(OpenReadiness, TakesEpollWhereARingLacksAFeature) {
  SKIP_WITHOUT_RINGS();
  for (const unsigned feature :
       {IORING_FEAT_SINGLE_MMAP, IORING_FEAT_NODROP, IORING_FEAT_EXT_ARG}) {
    FaultyCalls calls;
    calls.missing_features = feature;
    ExpectEpoll(calls, EOPNOTSUPP);
  }
}

TEST(OpenReadiness, TakesEpollWhereARingHasNoMemory) {
  class NoRing final : public RingCalls {
   public:
    int Setup(unsigned, io_uring_params& params) override {
      params.features = UINT_MAX;
      params.sq_entries = params.cq_entries = 1;
      return ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    }
  };
  NoRing calls;
  const auto opened = OpenReadiness(LoopKind::kIoUring, calls);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->readiness->kind(), LoopKind::kEpoll);
  EXPECT_NE(opened->os_error, 0);
}

TEST(OpenReadiness, TakesTheRingThatIsWishedForOnly) {
  SKIP_WITHOUT_RINGS();
  RingCalls calls;
  const auto ring = OpenReadiness(LoopKind::kIoUring, calls);
  ASSERT_TRUE(ring.ok());
  EXPECT_EQ(ring->readiness->kind(), LoopKind::kIoUring);
  EXPECT_EQ(ring->os_error, 0);
  const auto epoll = OpenReadiness(LoopKind::kEpoll, calls);
  ASSERT_TRUE(epoll.ok());
  EXPECT_EQ(epoll->readiness->kind(), LoopKind::kEpoll);
  EXPECT_EQ(epoll->os_error, 0);
}

// --- What the kernel lets a ring do ---

TEST(RestrictedRing, DoesNothingButPoll) {
  SKIP_WITHOUT_RINGS();
  Forger forger;
  const auto readiness = OpenRing(forger);
  ASSERT_TRUE(readiness.ok());
  const SocketPair pair;
  for (unsigned opcode = 0; opcode < 64; ++opcode) {
    if (opcode == IORING_OP_POLL_ADD || opcode == IORING_OP_ASYNC_CANCEL) {
      continue;
    }
    io_uring_sqe entry{};
    entry.opcode = static_cast<uint8_t>(opcode);
    entry.fd = pair.ours.raw();
    // The kernel looks whether there is such an opcode first.
    const int result = forger.Submit(entry);
    EXPECT_TRUE(result == -EACCES ||
                (opcode >= IORING_OP_LAST && result == -EINVAL))
        << opcode << ": " << result;
  }
}

TEST(RestrictedRing, TakesNoFlags) {
  SKIP_WITHOUT_RINGS();
  Forger forger;
  const auto readiness = OpenRing(forger);
  ASSERT_TRUE(readiness.ok());
  for (const unsigned flag :
       {IOSQE_FIXED_FILE, IOSQE_IO_DRAIN, IOSQE_IO_LINK, IOSQE_IO_HARDLINK,
        IOSQE_ASYNC, IOSQE_CQE_SKIP_SUCCESS}) {
    io_uring_sqe entry{};
    entry.opcode = IORING_OP_POLL_ADD;
    entry.flags = static_cast<uint8_t>(flag);
    EXPECT_EQ(forger.Submit(entry), -EACCES) << flag;
  }
}

TEST(RestrictedRing, RegistersNothing) {
  SKIP_WITHOUT_RINGS();
  Forger forger;
  const auto readiness = OpenRing(forger);
  ASSERT_TRUE(readiness.ok());
  for (unsigned opcode = 0; opcode < IORING_REGISTER_LAST; ++opcode) {
    const int result = forger.Register(forger.ring(), opcode, nullptr, 0);
    EXPECT_EQ(result,
              opcode == IORING_REGISTER_ENABLE_RINGS ? -EBADFD : -EACCES)
        << opcode;
  }
}

// --- Faults ---

class RingReadinessTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_RINGS();
    auto opened = OpenRing(calls_);
    ASSERT_TRUE(opened.ok());
    readiness_ = std::move(opened).value();
  }

  Tokens Ready() {
    Tokens ready;
    EXPECT_TRUE(readiness_->Wait(milliseconds(0), ready).ok());
    return ready;
  }

  FaultyCalls calls_;
  std::unique_ptr<Readiness> readiness_;
};

TEST_F(RingReadinessTest, EntersTheKernelOnceATurn) {
  const std::vector<SocketPair> pairs(10);
  calls_.entered = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ASSERT_TRUE(readiness_->Watch(pairs[i].ours.borrow(), i, kAll).ok());
  }
  EXPECT_EQ(calls_.entered, 0U);
  EXPECT_EQ(Ready().size(), pairs.size());
  EXPECT_EQ(calls_.entered, 1U);
  ASSERT_TRUE(readiness_->Unwatch(pairs[0].ours.borrow()).ok());
  EXPECT_EQ(calls_.entered, 2U);
}

TEST_F(RingReadinessTest, GoesOnWhenTheKernelTakesOneEntryAtATime) {
  calls_.most = 1;
  const std::vector<SocketPair> pairs(10);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ASSERT_TRUE(readiness_->Watch(pairs[i].ours.borrow(), i, kAll).ok());
  }
  Tokens all;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ASSERT_TRUE(readiness_->Wait(milliseconds(0), all).ok());
  }
  EXPECT_EQ(all.size(), pairs.size());
  for (const SocketPair& pair : pairs) {
    ASSERT_TRUE(readiness_->Unwatch(pair.ours.borrow()).ok());
  }
}

TEST_F(RingReadinessTest, TakesAnInterruptionForNothing) {
  const SocketPair pair;
  ASSERT_TRUE(readiness_->Watch(pair.ours.borrow(), 7, kAll).ok());
  for (const int error : {EINTR, EBUSY, ETIME}) {
    calls_.enter_errors = {error};
    EXPECT_EQ(Ready(), Tokens{}) << error;
  }
  EXPECT_EQ(Ready(), Tokens{7});
  calls_.enter_errors = {EINTR, EBUSY};
  EXPECT_TRUE(readiness_->Unwatch(pair.ours.borrow()).ok());
}

// A watch that may still be there must not pass for one that has ended: keys
// would be installed under it.
TEST_F(RingReadinessTest, DoesNotHideThatAWatchMayStillBeThere) {
  const SocketPair pair;
  ASSERT_TRUE(readiness_->Watch(pair.ours.borrow(), 7, kAll).ok());
  EXPECT_EQ(Ready(), Tokens{7});
  calls_.enter_errors = {EAGAIN};
  const Status unwatched = readiness_->Unwatch(pair.ours.borrow());
  ASSERT_FALSE(unwatched.ok());
  EXPECT_EQ(unwatched.error().code, Code::kNoMemory);
  Tokens ready;
  EXPECT_FALSE(readiness_->Wait(milliseconds(0), ready).ok());
  EXPECT_FALSE(readiness_->Watch(pair.ours.borrow(), 8, kAll).ok());
}

TEST_F(RingReadinessTest, EndsWithARingThatFails) {
  calls_.enter_errors = {EFAULT};
  Tokens ready;
  const Status waited = readiness_->Wait(milliseconds(0), ready);
  ASSERT_FALSE(waited.ok());
  EXPECT_EQ(waited.error().os_error, EFAULT);
  EXPECT_FALSE(readiness_->Wait(milliseconds(0), ready).ok());
}

TEST_F(RingReadinessTest, EndsWithADescriptorThatCannotBePolled) {
  SocketPair pair;
  ASSERT_TRUE(readiness_->Watch(pair.ours.borrow(), 7, kAll).ok());
  pair.ours.Close();  // before the kernel saw the watch
  Tokens ready;
  const Status waited = readiness_->Wait(milliseconds(0), ready);
  ASSERT_FALSE(waited.ok());
  EXPECT_EQ(waited.error().os_error, EBADF);
}

// What lay in the queue when a watch ended is nobody's, also when the number of
// its descriptor is in use again.
TEST_F(RingReadinessTest, TellsNobodyOfAWatchThatEnded) {
  SocketPair first;
  const SocketPair other;
  ASSERT_TRUE(readiness_->Watch(first.ours.borrow(), 1, kAll).ok());
  ASSERT_TRUE(readiness_->Watch(other.ours.borrow(), 2, kAll).ok());
  EXPECT_EQ(Ready().size(), 2U);
  first.Send();
  // The first one's completion is taken while the other's is waited for.
  ASSERT_TRUE(readiness_->Unwatch(other.ours.borrow()).ok());
  ASSERT_TRUE(readiness_->Unwatch(first.ours.borrow()).ok());
  const int number = first.ours.raw();
  first.ours.Close();
  const SocketPair second;
  ASSERT_EQ(second.ours.raw(), number);
  ASSERT_TRUE(readiness_->Watch(second.ours.borrow(), 3, kAll).ok());
  EXPECT_EQ(Ready(), Tokens{3});
}

}  // namespace
}  // namespace ktlsd::agent
