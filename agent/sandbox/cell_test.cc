#include "agent/sandbox/cell.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace ktlsd::agent {
namespace {

TEST(RoleUser, IsNobodyUnlessNamed) {
  const auto user = FindRoleUser("");
  ASSERT_TRUE(user.ok());
  EXPECT_EQ(*user, (RoleUser{65534, 65534}));
}

TEST(RoleUser, IsFoundByName) {
  const auto user = FindRoleUser("nobody");
  ASSERT_TRUE(user.ok());
  EXPECT_EQ(user->uid, 65534U);
}

TEST(RoleUser, IsNeverRootAndNeverUnknown) {
  for (const char* name : {"root", "no-such-user"}) {
    const auto user = FindRoleUser(name);
    ASSERT_FALSE(user.ok()) << name;
    EXPECT_EQ(user.error().code, Code::kConfigUnusable) << name;
  }
}

TEST(RoleUser, IsWrittenAndRead) {
  const RoleUser user{1000, 4294967294U};
  EXPECT_EQ(ParseRoleUser(Format(user)), user);
}

TEST(RoleUser, IsReadExactly) {
  for (const char* text : {"", "1", "1:", ":1", "0:1", "1:0", "1:2:3", "1:2 ",
                           " 1:2", "-1:2", "+1:2", "1:4294967296", "a:b"}) {
    EXPECT_FALSE(ParseRoleUser(text).has_value()) << text;
  }
}

// --- A root that the service manager made ---

std::string NewDirectory() {
  std::string path = ::testing::TempDir() + "/cellXXXXXX";
  EXPECT_NE(::mkdtemp(path.data()), nullptr);
  return path;
}

TEST(UseCell, RefusesWhatIsNoDirectory) {
  for (const char* path : {"", "/no/such/directory", "/dev/null"}) {
    const auto cell = UseCell(path, {});
    ASSERT_FALSE(cell.ok()) << path;
    EXPECT_EQ(cell.error().code, Code::kConfigUnusable);
    EXPECT_NE(cell.error().os_error, 0);
  }
}

TEST(UseCell, RefusesWhatCanBeWritten) {
  EXPECT_FALSE(UseCell(NewDirectory(), {}).ok());
}

// What UseCell() says of an own tmpfs with and without a file in it, read-only
// and not. It runs in a child, for its mount namespace.
enum class Verdict : int { kUsed, kRefused, kUnknown };

Verdict OfMount(bool with_file, bool read_only) {
  const std::string path = NewDirectory();
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", path.c_str(), "tmpfs", 0, "mode=0555") != 0) {
      ::_exit(static_cast<int>(Verdict::kUnknown));
    }
    if (with_file) {
      std::ofstream(path + "/file") << "text";
    }
    if (read_only) {
      ::mount("none", path.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr);
    }
    ::_exit(static_cast<int>(UseCell(path, {}).ok() ? Verdict::kUsed
                                                    : Verdict::kRefused));
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return static_cast<Verdict>(WEXITSTATUS(status));
}

TEST(UseCell, TakesAnEmptyReadOnlyDirectoryOnly) {
  const Verdict good = OfMount(false, true);
  if (good == Verdict::kUnknown) {
    GTEST_SKIP() << "may not mount";
  }
  EXPECT_EQ(good, Verdict::kUsed);
  EXPECT_EQ(OfMount(true, true), Verdict::kRefused);
  EXPECT_EQ(OfMount(false, false), Verdict::kRefused);
}

}  // namespace
}  // namespace ktlsd::agent
