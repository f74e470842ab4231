#include "agent/config/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace ktlsd::agent {
namespace {

std::string InTemp(const std::string& name) {
  return ::testing::TempDir() + "/" + name;
}

void Write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

const Problem* ProblemOf(const std::variant<OwnedFd, Problem>& opened) {
  return std::get_if<Problem>(&opened);
}

TEST(OpenFile, OpensRegularFilesOnly) {
  const std::string path = InTemp("regular");
  Write(path, "text");
  EXPECT_EQ(ProblemOf(OpenFile(path, Code::kCrlUnusable)), nullptr);

  const auto directory = OpenFile("/", Code::kCrlUnusable);
  ASSERT_NE(ProblemOf(directory), nullptr);
  EXPECT_EQ(ProblemOf(directory)->code, Code::kCrlUnusable);

  const std::string pipe = InTemp("pipe");
  ::mkfifo(pipe.c_str(), 0600);
  EXPECT_NE(ProblemOf(OpenFile(pipe, Code::kCrlUnusable)), nullptr);
}

TEST(OpenFile, SaysWhichFileAndWhy) {
  const auto absent = OpenFile("/no/such/file", Code::kTrustStoreUnusable);
  ASSERT_NE(ProblemOf(absent), nullptr);
  EXPECT_EQ(ProblemOf(absent)->file, "/no/such/file");
  EXPECT_EQ(ProblemOf(absent)->reason, "No such file or directory");
  EXPECT_NE(ProblemOf(OpenFile("", Code::kTrustStoreUnusable)), nullptr);
}

TEST(OpenPrivateKey, TakesWhatOnlyTheOwnerMayAccess) {
  const std::string path = InTemp("key");
  Write(path, "text");
  for (const mode_t mode : {0400, 0600}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_EQ(ProblemOf(OpenPrivateKey(path, 0)), nullptr) << std::oct << mode;
  }
  for (const mode_t mode : {0640, 0440, 0604, 0404, 0620, 0602, 0610, 0601}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    const auto opened = OpenPrivateKey(path, 0);
    ASSERT_NE(ProblemOf(opened), nullptr) << std::oct << mode;
    EXPECT_EQ(ProblemOf(opened)->code, Code::kPrivateKeyUnusable);
    EXPECT_EQ(ProblemOf(opened)->file, path);
  }
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(ProblemOf(OpenPrivateKey(path, 0))->reason,
            "a private key that its group or others may access (mode 0640): "
            "make it 0400 or 0600");
  EXPECT_NE(ProblemOf(OpenPrivateKey("/no/such/file", 0)), nullptr);
}

TEST(OpenPrivateKey, TakesAKeyOfTheUserThatIsNamed) {
  const std::string path = InTemp("foreign_key");
  constexpr uid_t kForeign = 54321;
  Write(path, "text");
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  if (::chown(path.c_str(), kForeign, kForeign) != 0) {
    GTEST_SKIP() << "only root can give a file away";
  }
  EXPECT_EQ(ProblemOf(OpenPrivateKey(path, kForeign)), nullptr);
  const auto opened = OpenPrivateKey(path, kForeign + 1);
  ASSERT_NE(ProblemOf(opened), nullptr);
  EXPECT_EQ(ProblemOf(opened)->reason,
            "a private key of the user with the number 54321: it must be "
            "root's, or of the user of KTLSD_USER");
}

TEST(FileStamps, SeesEveryKindOfChange) {
  const std::string path = InTemp("stamped");
  const std::string other = InTemp("other");
  ::unlink(path.c_str());
  FileStamps stamps({path});
  EXPECT_FALSE(stamps.Changed());
  Write(path, "one");  // made
  EXPECT_TRUE(stamps.Changed());

  stamps = FileStamps({path});
  EXPECT_FALSE(stamps.Changed());
  Write(path, "longer");  // changed
  EXPECT_TRUE(stamps.Changed());

  stamps = FileStamps({path});
  Write(other, "longer");
  ::rename(other.c_str(), path.c_str());  // replaced
  EXPECT_TRUE(stamps.Changed());

  stamps = FileStamps({path});
  ::unlink(path.c_str());  // removed
  EXPECT_TRUE(stamps.Changed());
}

TEST(FileStamps, FollowsLinksToTheirDirectories) {
  const std::string target_directory = InTemp("target");
  ::mkdir(target_directory.c_str(), 0700);
  Write(target_directory + "/file", "text");
  const std::string link = InTemp("link");
  ::unlink(link.c_str());
  ASSERT_EQ(::symlink((target_directory + "/file").c_str(), link.c_str()), 0);
  const auto directories = FileStamps({link}).Directories();
  EXPECT_EQ(directories.size(), 2U);
}

}  // namespace
}  // namespace ktlsd::agent
