#include "base/shared.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace ktlsd {
namespace {

TEST(Shared, GivesTheSameValueToItsCopies) {
  const Shared<std::string> one = std::string("value");
  const Shared<std::string> copy = one;
  EXPECT_EQ(&*copy, &*one);
  EXPECT_EQ(copy->size(), 5);
}

TEST(Shared, OutlivesTheOneItWasCopiedFrom) {
  Shared<std::string> kept = std::string();
  {
    const Shared<std::string> made = std::string("value");
    kept = made;
  }
  EXPECT_EQ(*kept, "value");
}

TEST(Shared, IsNeverNull) {
  Shared<std::string> from = std::string("value");
  const Shared<std::string> to = std::move(from);
  EXPECT_EQ(*to, "value");
  EXPECT_EQ(*from, "value");  // NOLINT(bugprone-use-after-move)
}

}  // namespace
}  // namespace ktlsd
