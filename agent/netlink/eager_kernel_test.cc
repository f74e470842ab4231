#include "agent/netlink/eager_kernel.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "agent/netlink/keyring_uses.h"
#include "base/clock.h"

namespace ktlsd::agent {
namespace {

using std::chrono::seconds;

// So many allocations of a thread fail.
thread_local unsigned failing_allocations = 0;

// The test's own thread is the kernel here.
class SharedKernel final : public ReadyKernel {
 public:
  struct State {
    std::mutex mutex;
    std::deque<Request> waiting;
    std::vector<uint32_t> answers;
    unsigned failures = 0;
    bool starve = false;  // who calls next finds no memory once
    unsigned lost = 0;
    std::function<void()> while_accepting;
    OwnedFd ready{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    OwnedFd called{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  };

  explicit SharedKernel(std::shared_ptr<State> state)
      : state_(std::move(state)) {}

  Result<std::optional<Request>> Accept() override {
    const std::lock_guard lock(state_->mutex);
    ::eventfd_write(state_->called.raw(), 1);
    if (std::exchange(state_->starve, false)) {
      failing_allocations = 1;
      return std::optional<Request>();
    }
    if (state_->failures > 0) {
      --state_->failures;
      return Error{Code::kNetlinkFailed, "fake failure", ENOMEM};
    }
    if (state_->waiting.empty()) {
      return std::optional<Request>();
    }
    if (state_->while_accepting) {
      state_->while_accepting();
    }
    std::optional<Request> request = std::move(state_->waiting.front());
    state_->waiting.pop_front();
    return request;
  }
  Status Done(BorrowedFd, const DoneAnswer& answer) override {
    const std::lock_guard lock(state_->mutex);
    state_->answers.push_back(answer.status);
    return Ok{};
  }
  BorrowedFd ready_socket() const override { return state_->ready.borrow(); }
  unsigned DrainReady() override {
    eventfd_t count = 0;
    ::eventfd_read(state_->ready.raw(), &count);
    const std::lock_guard lock(state_->mutex);
    return std::exchange(state_->lost, 0U);
  }

 private:
  std::shared_ptr<State> state_;
};

class EagerKernelTest : public ::testing::Test {
 protected:
  void Queue(std::size_t requests = 1) {
    const std::lock_guard lock(kernel_->mutex);
    for (std::size_t i = 0; i < requests; ++i) {
      Request request;
      request.socket = OwnedFd(::eventfd(0, EFD_CLOEXEC));
      kernel_->waiting.push_back(std::move(request));
    }
  }
  void QueueWithKeyring(KeySerial keyring) {
    Request request;
    request.socket = OwnedFd(::eventfd(0, EFD_CLOEXEC));
    request.keyring = keyring;
    const std::lock_guard lock(kernel_->mutex);
    kernel_->waiting.push_back(std::move(request));
  }
  std::vector<KeySerial> Unlinked() {
    const std::lock_guard lock(unlinked_mutex_);
    return unlinked_;
  }
  void Ready() { ::eventfd_write(kernel_->ready.raw(), 1); }
  std::size_t Waiting() {
    const std::lock_guard lock(kernel_->mutex);
    return kernel_->waiting.size();
  }
  std::vector<uint32_t> Answers() {
    const std::lock_guard lock(kernel_->mutex);
    return kernel_->answers;
  }
  void Start() {
    auto started =
        EagerKernel::Start(std::make_unique<SharedKernel>(kernel_), uses_);
    ASSERT_TRUE(started.ok());
    eager_ = std::move(started).value();
  }
  // Until it tells, and then what it has.
  Result<std::optional<Request>> Next() {
    pollfd bell{eager_->ready_socket().raw(), POLLIN, 0};
    const auto end = SystemClock().Now() + seconds(30);
    for (;;) {
      auto next = eager_->Accept();
      if (!next.ok() || next->has_value() || SystemClock().Now() > end) {
        return next;
      }
      ::poll(&bell, 1, 100);
      overruns_ += eager_->DrainReady();
    }
  }
  template <typename Condition>
  void WaitUntil(const Condition& condition) {
    const auto end = SystemClock().Now() + seconds(30);
    while (!condition() && SystemClock().Now() < end) {
      std::array<pollfd, 2> signs = {
          pollfd{kernel_->called.raw(), POLLIN, 0},
          pollfd{eager_->ready_socket().raw(), POLLIN, 0}};
      ::poll(signs.data(), signs.size(), 1000);
      eventfd_t calls = 0;
      ::eventfd_read(kernel_->called.raw(), &calls);
    }
    EXPECT_TRUE(condition());
  }

  std::shared_ptr<SharedKernel::State> kernel_ =
      std::make_shared<SharedKernel::State>();
  std::mutex unlinked_mutex_;
  std::vector<KeySerial> unlinked_;
  KeyringUses uses_{[this](KeySerial keyring) {
    const std::lock_guard lock(unlinked_mutex_);
    unlinked_.push_back(keyring);
  }};
  std::unique_ptr<EagerKernel> eager_;
  unsigned overruns_ = 0;
};

TEST_F(EagerKernelTest, TakesWhatWaitedBeforeItCame) {
  Queue();
  Start();
  const auto request = Next();
  ASSERT_TRUE(request.ok() && request->has_value());
  EXPECT_TRUE((*request)->waited);
  EXPECT_LE((*request)->taken_at, SystemClock().Now());
}

TEST_F(EagerKernelTest, TakesUnaskedWhatIsAnnounced) {
  Start();
  Ready();
  // It has looked for that one, in vain, once this is taken.
  Queue(2);
  Ready();
  WaitUntil([&] { return Waiting() == 0; });
  ASSERT_TRUE(Next()->has_value());
  const auto second = Next();
  ASSERT_TRUE(second.ok() && second->has_value());
  EXPECT_TRUE((*second)->taken_at.has_value());
}

// Who did not come for the first knows.
TEST_F(EagerKernelTest, TellsOfSeveralOnce) {
  Queue(3);
  Start();
  WaitUntil([&] { return Waiting() == 0; });
  eager_->StopTaking();
  eventfd_t rings = 0;
  EXPECT_EQ(::eventfd_read(eager_->ready_socket().raw(), &rings), 0);
  EXPECT_EQ(rings, 1U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(eager_->Accept()->has_value()) << i;
  }
}

TEST_F(EagerKernelTest, FindsWhatIsNotAnnounced) {
  Start();
  WaitUntil([&] { return eager_->Accept().ok(); });
  Queue();
  const auto request = Next();
  ASSERT_TRUE(request.ok() && request->has_value());
  EXPECT_TRUE((*request)->waited);
}

TEST_F(EagerKernelTest, TakesNoMoreThanItMayHold) {
  Queue(EagerKernel::kMostTaken + 2);
  Start();
  WaitUntil([&] { return Waiting() == 2; });
  for (std::size_t i = 0; i < EagerKernel::kMostTaken + 2; ++i) {
    ASSERT_TRUE(Next()->has_value()) << i;
  }
  EXPECT_EQ(Waiting(), 0U);
  EXPECT_FALSE(eager_->Accept()->has_value());
}

TEST_F(EagerKernelTest, TellsOfAFailureOnceAndTriesAgain) {
  kernel_->failures = 1;
  Queue();
  Start();
  const auto failed = Next();
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().os_error, ENOMEM);
  ASSERT_TRUE(Next()->has_value());
}

TEST_F(EagerKernelTest, LeavesARequestInTheKernelForWantOfMemory) {
  kernel_->starve = true;
  Start();
  WaitUntil([&] {
    const std::lock_guard lock(kernel_->mutex);
    return !kernel_->starve;
  });
  constexpr std::size_t kRequests = 8;
  Queue(kRequests);
  Ready();
  const auto failed = Next();
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, Code::kNoMemory);
  for (std::size_t i = 0; i < kRequests; ++i) {
    ASSERT_TRUE(Next()->has_value()) << i;
  }
}

TEST_F(EagerKernelTest, CountsAnnouncementsThatWereLost) {
  Start();
  kernel_->mutex.lock();
  kernel_->lost = 3;
  kernel_->mutex.unlock();
  Queue();
  Ready();
  ASSERT_TRUE(Next()->has_value());
  WaitUntil([&] { return (overruns_ += eager_->DrainReady()) == 3; });
}

TEST_F(EagerKernelTest, AnswersForTheOwner) {
  Start();
  const OwnedFd socket(::eventfd(0, EFD_CLOEXEC));
  EXPECT_TRUE(eager_->Done(socket.borrow(), {EACCES}).ok());
  EXPECT_EQ(Answers(), std::vector<uint32_t>{EACCES});
}

TEST_F(EagerKernelTest, LeavesTheRestToItsSuccessorWhenItStops) {
  Queue();
  Start();
  WaitUntil([&] { return Waiting() == 0; });
  eager_->StopTaking();
  Queue();
  Ready();
  EXPECT_TRUE(eager_->Accept()->has_value());
  EXPECT_FALSE(eager_->Accept()->has_value());
  EXPECT_EQ(Waiting(), 1U);
}

TEST_F(EagerKernelTest, KeepsTheKeyringOfWhatNobodyAskedForYet) {
  auto other = std::optional(uses_.Begin(uses_.Hold(), 7));
  QueueWithKeyring(7);
  Start();
  WaitUntil([&] { return Waiting() == 0; });
  eager_->StopTaking();
  other.reset();  // of a job that was under way meanwhile
  EXPECT_TRUE(Unlinked().empty());
  {
    const auto request = eager_->Accept();
    ASSERT_TRUE(request.ok() && request->has_value());
    EXPECT_TRUE(Unlinked().empty());
  }
  EXPECT_EQ(Unlinked(), std::vector<KeySerial>{7});
}

// The kernel has linked it, and nobody has seen the request.
TEST_F(EagerKernelTest, KeepsAKeyringWhileItAccepts) {
  auto other = std::optional(uses_.Begin(uses_.Hold(), 7));
  std::thread ends;
  kernel_->while_accepting = [&] {
    ends = std::thread([&other] { other.reset(); });
    ::poll(nullptr, 0, 100);
    EXPECT_TRUE(Unlinked().empty());
  };
  QueueWithKeyring(7);
  Start();
  WaitUntil([&] { return Waiting() == 0; });
  eager_->StopTaking();
  ends.join();
  EXPECT_TRUE(Unlinked().empty());
}

TEST_F(EagerKernelTest, AnswersWhatNobodyAskedFor) {
  Queue(2);
  Start();
  WaitUntil([&] { return Waiting() == 0; });
  eager_.reset();
  EXPECT_EQ(Answers(), (std::vector<uint32_t>{ETIMEDOUT, ETIMEDOUT}));
}

}  // namespace
}  // namespace ktlsd::agent

void* operator new(std::size_t size) {
  using ktlsd::agent::failing_allocations;
  void* const memory = failing_allocations > 0 ? nullptr : std::malloc(size);
  if (memory == nullptr) {
    failing_allocations -= failing_allocations > 0 ? 1 : 0;
    throw std::bad_alloc();
  }
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
