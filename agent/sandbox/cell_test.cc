#include "agent/sandbox/cell.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace ktlsd::agent
