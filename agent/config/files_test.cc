#include "agent/config/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
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

class CredentialTest : public ::testing::Test {
 protected:
  CredentialTest() : directory_(InTemp("credentials")) {
    ::mkdir(directory_.c_str(), 0700);
    ::setenv("CREDENTIALS_DIRECTORY", directory_.c_str(), 1);
  }
  ~CredentialTest() override { ::unsetenv("CREDENTIALS_DIRECTORY"); }

  const std::string directory_;
};

TEST_F(CredentialTest, IsAFileOfTheDirectory) {
  Write(directory_ + "/server.key", "text");
  const auto text = ReadText("credential:server.key", Code::kCrlUnusable);
  ASSERT_TRUE(std::holds_alternative<std::string>(text));
  EXPECT_EQ(std::get<std::string>(text), "text");
}

TEST_F(CredentialTest, IsNoPath) {
  Write(InTemp("outside"), "text");
  for (const char* value :
       {"credential:../outside", "credential:/etc/passwd", "credential:a/b",
        "credential:", "credential:.", "credential:.."}) {
    const auto opened = OpenFile(value, Code::kPrivateKeyUnusable);
    ASSERT_NE(ProblemOf(opened), nullptr) << value;
    EXPECT_EQ(ProblemOf(opened)->code, Code::kPrivateKeyUnusable);
    EXPECT_EQ(ProblemOf(opened)->file, value);
    EXPECT_EQ(ProblemOf(opened)->reason, "not the name of a credential");
  }
}

TEST_F(CredentialTest, IsAProblemUnderItsOwnNameWhenAbsent) {
  const auto absent = OpenFile("credential:none", Code::kPrivateKeyUnusable);
  ASSERT_NE(ProblemOf(absent), nullptr);
  EXPECT_EQ(ProblemOf(absent)->file, "credential:none");
  EXPECT_EQ(ProblemOf(absent)->reason, "No such file or directory");
}

TEST_F(CredentialTest, NeedsAServiceThatHasSome) {
  for (const bool empty : {false, true}) {
    if (empty) {
      ::setenv("CREDENTIALS_DIRECTORY", "", 1);
    } else {
      ::unsetenv("CREDENTIALS_DIRECTORY");
    }
    const auto opened = OpenFile("credential:key", Code::kPrivateKeyUnusable);
    ASSERT_NE(ProblemOf(opened), nullptr);
    EXPECT_EQ(ProblemOf(opened)->file, "credential:key");
    EXPECT_EQ(ProblemOf(opened)->reason,
              "the service has no credentials: LoadCredential= is not set");
  }
}

TEST_F(CredentialTest, IsWatched) {
  const FileStamps stamps({"credential:watched"});
  EXPECT_EQ(stamps.Directories(), std::vector<std::string>{directory_});
  EXPECT_FALSE(stamps.Changed());
  Write(directory_ + "/watched", "text");
  EXPECT_TRUE(stamps.Changed());
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
