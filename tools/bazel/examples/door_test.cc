#include "tools/bazel/examples/door.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace ktlsd {
namespace {

TEST(Door, OpensToALongKnock) {
  const std::array<uint8_t, 4> knock{};
  EXPECT_TRUE(Door().Knock(knock));
}

TEST(Door, StaysShutOtherwise) { EXPECT_FALSE(Door().Knock({})); }

}  // namespace
}  // namespace ktlsd
