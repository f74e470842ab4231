#include "agent/monitor/load_queue.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <utility>
#include <variant>
#include <vector>

#include "agent/ipc/messages.h"

namespace ktlsd::agent {
namespace {

class LoadQueueTest : public ::testing::Test {
 protected:
  LoadQueueTest() {
    auto pair = MakeLinkPair();
    EXPECT_TRUE(pair.ok());
    ours_.emplace(std::move(pair->first));
    theirs_.emplace(std::move(pair->second));
  }
  Status Send(TrustId id, std::size_t bytes = kMaxAllowedBytes) {
    LoadTrust load;
    load.id = id;
    std::vector<OwnedFd> files;
    files.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return queue_.Send(*ours_, load, Bytes(bytes), std::move(files));
  }
  // The ids of what has arrived.
  std::vector<TrustId> Arrived() {
    std::vector<TrustId> ids;
    for (;;) {
      auto received = theirs_->Receive<ToVerifier>(Descriptors::kTake);
      if (!received.ok() || !received->has_value()) {
        return ids;
      }
      EXPECT_EQ((*received)->descriptors.size(), 1U);
      ids.push_back(std::get<LoadTrust>((*received)->message).id);
    }
  }

  std::optional<Link> ours_;
  std::optional<Link> theirs_;
  LoadQueue queue_;
};

TEST_F(LoadQueueTest, SendsInOrderAsFastAsIsRead) {
  std::vector<TrustId> sent;
  for (TrustId id = 1; id <= LoadQueue::kMostWaiting; ++id) {
    ASSERT_TRUE(Send(id).ok()) << id;
    sent.push_back(id);
  }
  EXPECT_FALSE(queue_.empty());
  std::vector<TrustId> all;
  while (all.size() < sent.size()) {
    const std::vector<TrustId> some = Arrived();
    ASSERT_FALSE(some.empty());
    all.insert(all.end(), some.begin(), some.end());
    queue_.SendMore(*ours_);
  }
  EXPECT_EQ(all, sent);
  EXPECT_TRUE(queue_.empty());
}

// Whatever waits: a job's terms cannot.
TEST_F(LoadQueueTest, LeavesRoomForOthers) {
  for (TrustId id = 1; queue_.empty(); ++id) {
    ASSERT_TRUE(Send(id).ok());
  }
  EXPECT_TRUE(ours_->Send(EndJob()).ok());
}

TEST_F(LoadQueueTest, HoldsABoundedNumber) {
  TrustId id = 0;
  Status sent = Ok{};
  while (sent.ok()) {
    ASSERT_LT(id, 2 * LoadQueue::kMostWaiting);
    sent = Send(++id);
  }
  EXPECT_EQ(sent.error().code, Code::kTooBusy);
  queue_.Clear();
  EXPECT_TRUE(queue_.empty());
}

TEST_F(LoadQueueTest, RefusesWhatNoMessageCarries) {
  EXPECT_FALSE(Send(1, kMaxAllowedBytes + 1).ok());
  while (queue_.empty()) {
    ASSERT_TRUE(Send(2).ok());
  }
  EXPECT_FALSE(Send(3, kMaxAllowedBytes + 1).ok());
}

TEST_F(LoadQueueTest, TellsOfALinkThatIsClosed) {
  theirs_.reset();
  const Status sent = Send(1);
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().code, Code::kPeerClosed);
}

}  // namespace
}  // namespace ktlsd::agent
