// With the real kernel.
#include "agent/keyring/keyrings.h"

#include <keyutils.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace ktlsd::agent {
namespace {

key_serial_t Add(const char* type, const std::string& description,
                 const std::string& payload) {
  const key_serial_t key = ::add_key(type, description.c_str(), payload.data(),
                                     payload.size(), KEY_SPEC_SESSION_KEYRING);
  EXPECT_NE(key, -1) << errno;
  return key;
}

// What anybody may put before the eyes of whoever reads /proc/keys.
TEST(KernelKeyrings, AreNotMisledByTheDescriptionsOfOthers) {
  ASSERT_NE(::keyctl_join_session_keyring(nullptr), -1) << errno;
  const std::string name = "ktlsd-test-" + std::to_string(::getpid());
  const std::vector<std::string> missing = {name};
  Add("user", std::string(4000, 'x') + " keyring " + name, "0");
  Add("user",
      "a\n00000001 I--Q---     1 perm 1f3f0000     0     0 keyring   " + name +
          ": 1",
      "0");
  Add("keyring", name + "-more", "");
  EXPECT_EQ(KernelKeyrings::Link(missing), missing);
  Add("keyring", name, "");
  // Another user's keyring of this name is not taken.
  EXPECT_EQ(KernelKeyrings::Link(missing),
            ::getuid() == 0 ? std::vector<std::string>() : missing);
}

}  // namespace
}  // namespace ktlsd::agent
