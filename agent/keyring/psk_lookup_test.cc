#include "agent/keyring/psk_lookup.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "agent/keyring/testing/fake_keyrings.h"

namespace ktlsd::agent {
namespace {

using enum HashAlgorithm;

constexpr KeySerial kNvme = FakeKeyrings::kNvme;

class PskLookupTest : public ::testing::Test {
 protected:
  static Bytes Identity(std::string_view text) {
    return Bytes(text.begin(), text.end());
  }
  Result<std::optional<PskLookup::Found>> Find(
      const std::vector<Bytes>& identities,
      const std::vector<HashAlgorithm>& hashes = {kSha256, kSha384}) {
    return lookup_.FindIn(std::vector<KeySerial>{kNvme}, identities, hashes);
  }
  // The serial that is found, or 0.
  KeySerial FoundFor(std::string_view identity) {
    const auto found = Find({Identity(identity)});
    EXPECT_TRUE(found.ok());
    return found.ok() && found->has_value() ? (*found)->psk.serial : 0;
  }

  FakeKeyrings keyrings_;
  PskLookup lookup_{keyrings_};
};

// --- By serial ---

TEST_F(PskLookupTest, TakesTheIdentityFromTheDescription) {
  keyrings_.AddPsk(1, "NVMe1R02 host subsystem digest", 48);
  const auto psk = lookup_.Resolve(1);
  ASSERT_TRUE(psk.ok());
  EXPECT_EQ(psk->serial, 1);
  EXPECT_EQ(psk->identity, Identity("NVMe1R02 host subsystem digest"));
  EXPECT_EQ(psk->hash, kSha384);
}

TEST_F(PskLookupTest, TakesSha256ForOthersUnlessToldOtherwise) {
  keyrings_.AddPsk(1, "somebody", 48);
  keyrings_.AddPsk(2, "NVMe0R01 h s", 32);
  EXPECT_EQ(lookup_.Resolve(1)->hash, kSha256);
  lookup_.SetDefaultHash(kSha384);
  EXPECT_EQ(lookup_.Resolve(1)->hash, kSha384);
  EXPECT_EQ(lookup_.Resolve(2)->hash, kSha256);  // its identity says so
}

TEST_F(PskLookupTest, RefusesKeysThatCannotBeUsed) {
  keyrings_.AddPsk(1, "NVMe1R01 h s", 48);
  keyrings_.AddPsk(2, "NVMe1R02 h s", 32);
  keyrings_.AddPsk(3, "NVMe1R03 h s", 32);
  keyrings_.AddKey(4, "user", "NVMe1R01 h s", Bytes(32, 1));
  keyrings_.AddPsk(5, "NVMe1R01 h s");
  keyrings_.Spoil(5, {Code::kKeyRejected, "expired"});
  keyrings_.AddPsk(6, "");
  for (const KeySerial serial : {1, 2, 3, 4, 5, 6}) {
    const auto psk = lookup_.Resolve(serial);
    ASSERT_FALSE(psk.ok()) << serial;
    EXPECT_EQ(psk.error().code, Code::kKeyRejected) << serial;
  }
  const auto absent = lookup_.Resolve(7);
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, Code::kKeyUnavailable);
}

// --- By identity ---

TEST_F(PskLookupTest, ComparesWholeIdentities) {
  keyrings_.AddPsk(1, "NVMe1R01 host sub10");
  EXPECT_EQ(FoundFor("NVMe1R01 host sub10"), 1);
  EXPECT_EQ(FoundFor("NVMe1R01 host sub1"), 0);  // the kernel would match
  EXPECT_EQ(FoundFor("NVMe1R01 host sub100"), 0);
  EXPECT_EQ(FoundFor("nvme1R01 host sub10"), 0);
  EXPECT_EQ(FoundFor(std::string_view("NVMe1R01 host sub10\0x", 21)), 0);
  EXPECT_EQ(FoundFor(std::string_view("NVMe1R01 host sub10\0", 20)), 0);
}

// The longer one is not taken for it, and does not hide it.
TEST_F(PskLookupTest, FindsAnIdentityBehindOneThatItBegins) {
  keyrings_.AddPsk(1, "NVMe1R01 host sub10");
  keyrings_.AddPsk(2, "NVMe1R01 host sub1");
  EXPECT_EQ(FoundFor("NVMe1R01 host sub1"), 2);
  EXPECT_EQ(FoundFor("NVMe1R01 host sub10"), 1);
}

TEST_F(PskLookupTest, TakesOnlyKeysOfTypePsk) {
  keyrings_.AddKey(1, "user", "NVMe1R01 h s", Bytes(32, 1));
  keyrings_.AddKey(2, "keyring", "", {});
  EXPECT_EQ(FoundFor("NVMe1R01 h s"), 0);
  EXPECT_EQ(FoundFor(""), 0);
  keyrings_.AddPsk(3, "NVMe1R01 h s");
  EXPECT_EQ(FoundFor("NVMe1R01 h s"), 3);
}

TEST_F(PskLookupTest, TakesTheFirstThatThePeerNames) {
  keyrings_.AddPsk(1, "second");
  keyrings_.AddPsk(2, "first");
  const auto found =
      Find({Identity("unknown"), Identity("first"), Identity("second")});
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->index, 1U);
  EXPECT_EQ((*found)->psk.serial, 2);
}

TEST_F(PskLookupTest, PassesOverWhatCannotBeUsed) {
  keyrings_.AddPsk(1, "NVMe1R02 h s", 48);
  keyrings_.AddPsk(2, "NVMe1R01 h s");
  keyrings_.AddPsk(3, "other");
  keyrings_.Spoil(2, {Code::kKeyRejected, "revoked"});
  const auto found = Find(
      {Identity("NVMe1R02 h s"), Identity("NVMe1R01 h s"), Identity("other")},
      {kSha256});
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->psk.serial, 3);
}

TEST_F(PskLookupTest, SaysWhyTheOnlyOneCannotBeUsed) {
  keyrings_.AddPsk(1, "NVMe1R02 h s", 48);
  const auto unfit = Find({Identity("NVMe1R02 h s")}, {kSha256});
  ASSERT_FALSE(unfit.ok());
  EXPECT_EQ(unfit.error().code, Code::kNoCommonCipherSuite);
  keyrings_.Spoil(1, {Code::kKeyRejected, "revoked"});
  const auto revoked = Find({Identity("NVMe1R02 h s")});
  ASSERT_FALSE(revoked.ok());
  EXPECT_EQ(revoked.error().code, Code::kKeyRejected);
}

TEST_F(PskLookupTest, LooksOnlyAmongTheKeysThatItMay) {
  keyrings_.AddPsk(1, "one");
  keyrings_.AddPsk(2, "two");
  const std::vector<Bytes> wanted = {Identity("two")};
  const std::vector<HashAlgorithm> hashes = {kSha256};
  const auto among = [&](std::vector<KeySerial> keys) {
    return lookup_.FindAmong(keys, wanted, hashes);
  };
  EXPECT_FALSE(among({1})->has_value());
  EXPECT_TRUE(among({1, 2})->has_value());
}

TEST_F(PskLookupTest, DescribesEachKeyOnce) {
  for (KeySerial serial = 1; serial <= 50; ++serial) {
    keyrings_.AddPsk(serial, "psk " + std::to_string(serial));
  }
  EXPECT_EQ(FoundFor("nobody"), 0);
  EXPECT_EQ(keyrings_.described, 50);
  EXPECT_EQ(FoundFor("psk 50"), 50);
  EXPECT_EQ(keyrings_.described, 51);  // the one that is taken
  EXPECT_EQ(keyrings_.read, 1);
}

TEST_F(PskLookupTest, SeesKeysThatComeAndGo) {
  keyrings_.AddPsk(1, "old");
  EXPECT_EQ(FoundFor("old"), 1);
  keyrings_.Remove(1);
  EXPECT_EQ(FoundFor("old"), 0);
  keyrings_.AddPsk(1, "new");  // of the same serial
  EXPECT_EQ(FoundFor("new"), 1);
}

TEST_F(PskLookupTest, IsNotFooledByASerialThatCameBack) {
  keyrings_.AddPsk(1, "old");
  EXPECT_EQ(FoundFor("old"), 1);
  keyrings_.Remove(1);
  keyrings_.AddPsk(1, "new");
  EXPECT_EQ(FoundFor("old"), 0);
  EXPECT_EQ(FoundFor("new"), 1);
}

// And remembers nothing of what it could not look at.
TEST_F(PskLookupTest, SaysThatItCouldNotLookForWantOfMemory) {
  keyrings_.AddPsk(1, "one");
  const auto expect_no_memory = [this] {
    const auto found = Find({Identity("one")});
    ASSERT_FALSE(found.ok());
    EXPECT_EQ(found.error().code, Code::kNoMemory);
  };
  keyrings_.FailDescribing(1);
  expect_no_memory();
  EXPECT_EQ(FoundFor("one"), 1);
  keyrings_.FailListing(1);
  expect_no_memory();
  EXPECT_EQ(FoundFor("one"), 1);
}

TEST_F(PskLookupTest, PassesOverKeyringsThatAreGone) {
  keyrings_.AddPsk(1, "one");
  const std::vector<KeySerial> keyrings = {99, kNvme};
  const std::vector<Bytes> wanted = {Identity("one")};
  const std::vector<HashAlgorithm> hashes = {kSha256};
  const auto found = lookup_.FindIn(keyrings, wanted, hashes);
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->has_value());
}

}  // namespace
}  // namespace ktlsd::agent
