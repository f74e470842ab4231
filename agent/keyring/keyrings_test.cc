// With the real kernel. It has the key type "psk" only with NVMe/TCP, so keys
// of type "user" stand in; kernel-tests has the rest.
#include "agent/keyring/keyrings.h"

#include <gtest/gtest.h>
#include <keyutils.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "agent/keyring/psk_lookup.h"

namespace ktlsd::agent {
namespace {

class KeyringsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!KernelKeyrings::Prepare().ok()) {
      GTEST_SKIP() << "this sandbox has no keyrings";
    }
  }
  static KeySerial Add(const char* type, const std::string& description,
                       std::string_view payload,
                       key_serial_t keyring = KEY_SPEC_SESSION_KEYRING) {
    const key_serial_t key = ::add_key(type, description.c_str(),
                                       payload.data(), payload.size(), keyring);
    EXPECT_NE(key, -1) << errno;
    return key;
  }
  static std::string Name(const char* what) {
    return "ktlsd-test-" + std::string(what) + "-" + std::to_string(::getpid());
  }

  KernelKeyrings keyrings_;
};

// An NVMe host gives up for good on what a key lacks, so nothing else may say
// so.
TEST(KeyError, TellsWhatAKeyLacksFromWhatMayPass) {
  for (const int error : {ENOKEY, ENOENT, EACCES, EPERM, EINVAL}) {
    EXPECT_EQ(KeyError(error).code, Code::kKeyUnavailable) << error;
  }
  for (const int error : {EKEYEXPIRED, EKEYREVOKED, EKEYREJECTED, EOPNOTSUPP}) {
    EXPECT_EQ(KeyError(error).code, Code::kKeyRejected) << error;
  }
  EXPECT_EQ(KeyError(ENOMEM).code, Code::kNoMemory);
  for (const int error : {EINTR, EDQUOT, EIO, EFAULT}) {
    EXPECT_EQ(KeyError(error).code, Code::kSystemFailed) << error;
    EXPECT_EQ(KeyError(error).os_error, error);
  }
}

TEST_F(KeyringsTest, DescribesAKey) {
  const std::string description = "NVMe;with \xff;separators;";
  const auto facts = keyrings_.Describe(Add("user", description, "0123456789"));
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->type, "user");
  EXPECT_EQ(facts->description, description);
  EXPECT_EQ(facts->owner, ::getuid());
  const std::string longest(4095, 'x');
  const auto far = keyrings_.Describe(Add("user", longest, "0"));
  ASSERT_TRUE(far.ok());
  EXPECT_EQ(far->description, longest);
}

TEST_F(KeyringsTest, ReadsAKeyOfUsableSize) {
  const auto key = keyrings_.ReadPsk(Add("user", "a", std::string(48, 'k')));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->size(), 48U);
  EXPECT_TRUE(keyrings_.ReadPsk(Add("user", "b", std::string(256, 'k'))).ok());
  const auto large = keyrings_.ReadPsk(Add("user", "c", std::string(257, 'k')));
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.error().code, Code::kKeyRejected);
}

TEST_F(KeyringsTest, TellsAbsentKeysFromThoseThatMayNotBeUsed) {
  const KeySerial key = Add("user", "r", "0123456789");
  ASSERT_EQ(::keyctl_revoke(key), 0);
  const auto revoked = keyrings_.ReadPsk(key);
  ASSERT_FALSE(revoked.ok());
  EXPECT_EQ(revoked.error().code, Code::kKeyRejected);
  EXPECT_EQ(revoked.error().os_error, EKEYREVOKED);
  const auto absent = keyrings_.ReadPsk(1);
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, Code::kKeyUnavailable);
  EXPECT_FALSE(keyrings_.Describe(1).ok());
}

TEST_F(KeyringsTest, ListsAKeyring) {
  const KeySerial keyring = Add("keyring", Name("list"), "");
  EXPECT_EQ(keyrings_.List(keyring)->size(), 0U);
  std::vector<KeySerial> added;
  for (int i = 0; i < 100; ++i) {
    added.push_back(Add("user", std::to_string(i), "0", keyring));
  }
  auto listed = keyrings_.List(keyring);
  ASSERT_TRUE(listed.ok());
  EXPECT_TRUE(std::ranges::is_permutation(*listed, added));
  EXPECT_FALSE(keyrings_.List(1).ok());
}

// The kernel's own search for a name would take another key here.
TEST_F(KeyringsTest, FindsNothingByAPrefix) {
  const KeySerial keyring = Add("keyring", Name("prefix"), "");
  Add("user", "NVMe1R01 host sub10", std::string(32, 'k'), keyring);
  PskLookup lookup(keyrings_);
  const std::vector<KeySerial> in = {keyring};
  const std::string_view text = "NVMe1R01 host sub1";
  const std::vector<Bytes> wanted = {Bytes(text.begin(), text.end())};
  const std::vector<HashAlgorithm> hashes = {HashAlgorithm::kSha256};
  const auto found = lookup.FindIn(in, wanted, hashes);
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->has_value());
}

TEST_F(KeyringsTest, FindsKeyringsOfTheConfigurationThatAppearLater) {
  const std::string name = Name("later");
  EXPECT_EQ(keyrings_.Link({name}), std::vector<std::string>{name});
  const std::size_t before = keyrings_.PskKeyrings().size();
  const KeySerial keyring = Add("keyring", name, "", KEY_SPEC_PROCESS_KEYRING);
  const std::vector<KeySerial> after = keyrings_.PskKeyrings();
  if (::getuid() != 0) {
    EXPECT_EQ(after.size(), before);  // not root's
    return;
  }
  EXPECT_EQ(after.size(), before + 1);
  EXPECT_EQ(std::ranges::count(after, keyring), 1);
  EXPECT_TRUE(keyrings_.Link({name}).empty());
}

// A second one of its name is no reason; with the first one revoked it is.
TEST_F(KeyringsTest, KeepsAKeyringUntilItIsRevoked) {
  if (::getuid() != 0) {
    GTEST_SKIP() << "only root's keyrings are taken";
  }
  const std::string name = Name("anew");
  const KeySerial old = Add("keyring", name, "", KEY_SPEC_PROCESS_KEYRING);
  EXPECT_TRUE(keyrings_.Link({name}).empty());
  EXPECT_EQ(keyrings_.Called(name), old);
  ASSERT_EQ(::keyctl_unlink(old, KEY_SPEC_PROCESS_KEYRING), 0);
  const KeySerial another = Add("keyring", name, "", KEY_SPEC_PROCESS_KEYRING);
  EXPECT_TRUE(keyrings_.Link({name}).empty());
  EXPECT_EQ(keyrings_.Called(name), old);
  ASSERT_EQ(::keyctl_revoke(old), 0);
  EXPECT_TRUE(keyrings_.Link({name}).empty());
  EXPECT_EQ(keyrings_.Called(name), another);
  EXPECT_EQ(std::ranges::count(keyrings_.PskKeyrings(), another), 1);
}

// What one use of a keyring drops, another may need.
TEST_F(KeyringsTest, KeepsTheLinkThatAnotherUseNeeds) {
  if (::getuid() != 0) {
    GTEST_SKIP() << "only root's keyrings are taken";
  }
  const std::string name = Name("shared");
  KernelKeyrings keyrings(std::vector<std::string>{name});
  const KeySerial keyring = Add("keyring", name, "", KEY_SPEC_PROCESS_KEYRING);
  const auto linked = [&] {
    const auto listed = keyrings.List(KEY_SPEC_SESSION_KEYRING);
    return listed.ok() ? std::ranges::count(*listed, keyring) : -1;
  };
  EXPECT_TRUE(keyrings.Link({name}).empty());
  EXPECT_EQ(linked(), 1);
  EXPECT_TRUE(keyrings.Link({}).empty());
  EXPECT_EQ(linked(), 1);
}

TEST_F(KeyringsTest, LooksAgainForAKeyringThatWasRevoked) {
  if (::getuid() != 0) {
    GTEST_SKIP() << "only root's keyrings are taken";
  }
  const std::string name = Name("revoked");
  const KeySerial old = Add("keyring", name, "", KEY_SPEC_PROCESS_KEYRING);
  EXPECT_TRUE(keyrings_.Link({name}).empty());
  ASSERT_EQ(::keyctl_revoke(old), 0);
  EXPECT_FALSE(keyrings_.List(old).ok());
  ASSERT_EQ(::keyctl_unlink(old, KEY_SPEC_PROCESS_KEYRING), 0);
  const KeySerial another = Add("keyring", name, "", KEY_SPEC_PROCESS_KEYRING);
  EXPECT_EQ(std::ranges::count(keyrings_.PskKeyrings(), another), 1);
}

// A module that makes one may be loaded after we started.
TEST_F(KeyringsTest, ReadsWhatAKeyringHoldsThatAppearedLater) {
  if (::getuid() != 0) {
    GTEST_SKIP() << "only root's keyrings are taken";
  }
  const std::string name = Name("holder");
  KernelKeyrings keyrings(std::vector<std::string>{name});
  EXPECT_TRUE(keyrings.Link({}).empty());
  const KeySerial holder = Add("keyring", name, "", KEY_SPEC_PROCESS_KEYRING);
  const KeySerial certificate = Add("user", "certificate", "c", holder);
  const KeySerial key = Add("user", "key", "k", holder);
  // The kernel's own may be linked by root; what is in them is its possessor's.
  ASSERT_EQ(::keyctl_setperm(holder, KEY_POS_ALL | KEY_USR_ALL), 0);
  ASSERT_EQ(::keyctl_setperm(certificate, KEY_POS_ALL), 0);
  ASSERT_EQ(::keyctl_setperm(key, KEY_POS_ALL), 0);
  // From here on we possess none of them.
  ASSERT_EQ(::keyctl_link(holder, KEY_SPEC_USER_SESSION_KEYRING), 0);
  ASSERT_EQ(::keyctl_unlink(holder, KEY_SPEC_PROCESS_KEYRING), 0);
  KernelKeyrings without(std::vector<std::string>{});
  EXPECT_FALSE(without.Read({certificate, key}).ok());
  const auto read = keyrings.Read({certificate, key});
  ::keyctl_unlink(holder, KEY_SPEC_USER_SESSION_KEYRING);
  ASSERT_TRUE(read.ok()) << read.error().os_error;
  EXPECT_EQ(read->certificate_size, 1U);
  // Unloaded and loaded again.
  const KeySerial next = Add("keyring", name, "", KEY_SPEC_PROCESS_KEYRING);
  const KeySerial renewed = Add("user", "certificate", "cc", next);
  ASSERT_EQ(::keyctl_setperm(renewed, KEY_POS_ALL), 0);
  ASSERT_EQ(::keyctl_setperm(next, KEY_POS_ALL | KEY_USR_ALL), 0);
  ASSERT_EQ(::keyctl_link(next, KEY_SPEC_USER_SESSION_KEYRING), 0);
  ASSERT_EQ(::keyctl_unlink(next, KEY_SPEC_PROCESS_KEYRING), 0);
  const auto again = keyrings.Read({renewed, renewed});
  ::keyctl_unlink(next, KEY_SPEC_USER_SESSION_KEYRING);
  ASSERT_TRUE(again.ok()) << again.error().os_error;
  EXPECT_EQ(again->certificate_size, 2U);
}

// What anybody may put before the eyes of whoever reads /proc/keys.
TEST_F(KeyringsTest, IsNotMisledByTheDescriptionsOfOthers) {
  const std::string name = Name("named");
  Add("user", std::string(4000, 'x') + " keyring " + name, "0");
  Add("user",
      "a\n00000001 I--Q---     1 perm 1f3f0000     0     0 keyring   " + name +
          ": 1",
      "0");
  Add("keyring", name + "-more", "");
  EXPECT_EQ(keyrings_.Link({name}), std::vector<std::string>{name});
  const KeySerial keyring = Add("keyring", name, "");
  if (::getuid() == 0) {
    EXPECT_TRUE(keyrings_.Link({name}).empty());
    EXPECT_EQ(std::ranges::count(keyrings_.PskKeyrings(), keyring), 1);
  }
}

TEST_F(KeyringsTest, UnlinksWhatAcceptLinked) {
  const KeySerial keyring =
      Add("keyring", Name("unlink"), "", KEY_SPEC_PROCESS_KEYRING);
  const auto linked = [&] {
    const auto listed = keyrings_.List(KEY_SPEC_PROCESS_KEYRING);
    EXPECT_TRUE(listed.ok());
    return std::ranges::count(*listed, keyring);
  };
  EXPECT_EQ(linked(), 1);
  keyrings_.Unlink(keyring);
  EXPECT_EQ(linked(), 0);
}

}  // namespace
}  // namespace ktlsd::agent
