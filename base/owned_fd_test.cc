#include "base/owned_fd.h"

#include <fcntl.h>

#include <type_traits>
#include <utility>

#include "gtest/gtest.h"

namespace ktlsd {
namespace {

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

TEST(OwnedFd, ClosesOnce) {
  const int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(raw, 0);
  {
    OwnedFd owner(raw);
    OwnedFd next(std::move(owner));
    EXPECT_FALSE(owner.valid());  // NOLINT(bugprone-use-after-move)
    EXPECT_TRUE(IsOpen(raw));
  }
  EXPECT_FALSE(IsOpen(raw));
}

TEST(OwnedFd, AssignmentClosesTheOldOne) {
  const int first = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int second = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  OwnedFd owner(first);
  owner = OwnedFd(second);
  EXPECT_FALSE(IsOpen(first));
  EXPECT_TRUE(IsOpen(second));
}

TEST(OwnedFd, ReleaseGivesTheDescriptorAway) {
  OwnedFd owner(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int raw = owner.Release();
  EXPECT_FALSE(owner.valid());
  EXPECT_TRUE(IsOpen(raw));
  ::close(raw);
}

static_assert(!std::is_convertible_v<OwnedFd, int>);
static_assert(!std::is_convertible_v<int, BorrowedFd>);
static_assert(!std::is_copy_constructible_v<OwnedFd>);

}  // namespace
}  // namespace ktlsd
