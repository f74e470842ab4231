#include "base/output_queue.h"

#include "base/bytes.h"
#include "gtest/gtest.h"

namespace ktlsd {
namespace {

TEST(OutputQueue, ProvesFlushedOnlyWhenEmpty) {
  OutputQueue queue;
  EXPECT_TRUE(queue.ProveFlushed());
  queue.Add(Bytes{1, 2, 3});
  EXPECT_FALSE(queue.ProveFlushed());
  queue.Written(2);
  EXPECT_FALSE(queue.ProveFlushed());
  EXPECT_EQ(queue.pending().size(), 1U);
  queue.Written(1);
  EXPECT_TRUE(queue.ProveFlushed());
}

TEST(OutputQueue, KeepsTheOrderOfWhatIsAddedMeanwhile) {
  OutputQueue queue;
  queue.Add(Bytes{1, 2});
  queue.Written(1);
  queue.Add(Bytes{3});
  EXPECT_TRUE(SameBytes(queue.pending(), Bytes{2, 3}));
}

TEST(OutputQueue, NeverCountsMoreThanItHolds) {
  OutputQueue queue;
  queue.Add(Bytes{1});
  queue.Written(5);
  queue.Add(Bytes{2});
  EXPECT_TRUE(SameBytes(queue.pending(), Bytes{2}));
}

}  // namespace
}  // namespace ktlsd
