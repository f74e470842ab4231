#include "base/secret.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "base/key_access.h"
#include "gtest/gtest.h"

namespace ktlsd {
namespace {

constexpr std::array<uint8_t, 4> kBytes = {1, 2, 3, 4};

TEST(Secret, HoldsWhatItWasGiven) {
  const Secret<8> secret(KeyAccess(), kBytes);
  EXPECT_EQ(secret.size(), 4U);
  EXPECT_TRUE(std::ranges::equal(secret.Reveal(KeyAccess()), kBytes));
}

TEST(Secret, RefusesWhatDoesNotFit) {
  EXPECT_TRUE(Secret<3>(KeyAccess(), kBytes).empty());
}

TEST(Secret, MayBeMadeOfNoBytes) {
  EXPECT_TRUE(Secret<3>(KeyAccess(), std::span<const uint8_t>()).empty());
}

TEST(Secret, FailedFillLeavesNothing) {
  const auto secret =
      Secret<4>::Filled(KeyAccess(), 4, [](std::span<uint8_t> out) {
        std::ranges::fill(out, 7);
        return false;
      });
  EXPECT_TRUE(secret.empty());
}

TEST(Secret, MoveWipesTheSource) {
  Secret<4> source(KeyAccess(), kBytes);
  const Secret<4> target(std::move(source));
  EXPECT_TRUE(source.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(target.size(), 4U);
}

TEST(Secret, DestructionWipesTheStorage) {
  alignas(Secret<4>) std::array<uint8_t, sizeof(Secret<4>)> storage{};
  auto* secret = new (storage.data()) Secret<4>(KeyAccess(), kBytes);
  secret->~Secret();
  EXPECT_EQ(std::ranges::search(storage, kBytes).begin(), storage.end());
}

TEST(Secret, ComparesContentsAndLength) {
  const Secret<8> a(KeyAccess(), kBytes);
  const Secret<8> b(KeyAccess(), kBytes);
  const Secret<8> shorter(KeyAccess(),
                          std::span<const uint8_t>(kBytes).first(3));
  EXPECT_TRUE(a.Equals(b));
  EXPECT_FALSE(a.Equals(shorter));
}

static_assert(!std::is_copy_constructible_v<Secret<4>>);
static_assert(!std::is_copy_assignable_v<Secret<4>>);

}  // namespace
}  // namespace ktlsd
