#include "agent/service/read_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "agent/service/testing/test_file.h"

namespace ktlsd::agent {
namespace {

constexpr Code kUnusable = Code::kTrustStoreUnusable;

TEST(ReadFile, ReadsAllWhateverThePositionIs) {
  const OwnedFd file = TestFile("hello");  // its position is behind the end

  const auto bytes = ReadFile(file.borrow(), 5, kUnusable);

  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(*bytes, Bytes({'h', 'e', 'l', 'l', 'o'}));
}

TEST(ReadFile, RefusesWhatIsEmptyOrTooLarge) {
  EXPECT_FALSE(ReadFile(TestFile("").borrow(), 5, kUnusable).ok());
  const auto large = ReadFile(TestFile("hello!").borrow(), 5, kUnusable);
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.error().code, kUnusable);
  EXPECT_EQ(large.error().what, "the file is too large");
}

// A pipe could keep the process waiting.
TEST(ReadFile, RefusesWhatIsNoFile) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const OwnedFd read_end(ends[0]);
  const OwnedFd write_end(ends[1]);
  const OwnedFd folder(::open("/", O_RDONLY | O_CLOEXEC));

  EXPECT_FALSE(ReadFile(read_end.borrow(), 5, kUnusable).ok());
  EXPECT_EQ(ReadFile(folder.borrow(), 1U << 20, kUnusable).error().what,
            "not a regular file");
  EXPECT_FALSE(ReadFile(BorrowedFd(-1), 5, kUnusable).ok());
}

TEST(ReadFile, NoticesAFileThatChanges) {
  const OwnedFd file = TestFile("hello");
  std::array<uint8_t, 4> shorter{};
  std::array<uint8_t, 6> longer{};

  EXPECT_FALSE(ReadExactly(file.borrow(), shorter));
  EXPECT_FALSE(ReadExactly(file.borrow(), longer));
}

}  // namespace
}  // namespace ktlsd::agent
