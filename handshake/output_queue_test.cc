#include "handshake/output_queue.h"

#include "base/bytes.h"
#include "gtest/gtest.h"

namespace ktlsd::handshake {
namespace {

void Add(OutputQueue& queue, const Bytes& bytes) {
  queue.tail().insert(queue.tail().end(), bytes.begin(), bytes.end());
}

TEST(OutputQueue, KeepsTheOrderOfWhatIsAddedMeanwhile) {
  OutputQueue queue;
  EXPECT_TRUE(queue.empty());
  Add(queue, {1, 2});
  queue.Written(1);
  Add(queue, {3});
  EXPECT_TRUE(SameBytes(queue.pending(), Bytes{2, 3}));
  queue.Written(2);
  EXPECT_TRUE(queue.empty());
}

TEST(OutputQueue, NeverCountsMoreThanItHolds) {
  OutputQueue queue;
  Add(queue, {1});
  queue.Written(5);
  EXPECT_TRUE(queue.empty());
  Add(queue, {2});
  EXPECT_TRUE(SameBytes(queue.pending(), Bytes{2}));
}

}  // namespace
}  // namespace ktlsd::handshake
