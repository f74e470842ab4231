#include "agent/monitor/choices.h"

#include <gtest/gtest.h>

#include "handshake/config.h"
#include "handshake/crypto/key_share.h"

namespace ktlsd::agent {
namespace {

using enum CipherSuite;
using enum handshake::NamedGroup;

TEST(MakeChoices, HasNoWishWithoutOne) {
  const Choices choices = MakeChoices({}, {});
  EXPECT_FALSE(choices.suites.has_value());
  EXPECT_TRUE(choices.groups.empty());
  EXPECT_FALSE(choices.problem.has_value());
}

TEST(MakeChoices, LetsThePolicyTakeAwayOnly) {
  SideConfig config;
  config.suites = {kChaCha20Poly1305Sha256, kAes256GcmSha384};
  config.groups = {kSecp521r1, kX25519};
  CryptoPolicy policy;
  policy.suites = {kAes128GcmSha256, kAes256GcmSha384, kChaCha20Poly1305Sha256};
  policy.groups = {kX25519, kSecp256r1};
  const Choices choices = MakeChoices(config, policy);
  EXPECT_EQ(choices.suites, config.suites);
  EXPECT_EQ(choices.groups, std::vector{kX25519});
  EXPECT_FALSE(choices.problem.has_value());
}

TEST(MakeChoices, NarrowsOurDefaultsToThePolicy) {
  CryptoPolicy policy;
  policy.suites = {kAes128GcmSha256};
  policy.groups = {kSecp256r1, kX25519};
  const Choices choices = MakeChoices({}, policy);
  EXPECT_EQ(choices.suites, std::vector{kAes128GcmSha256});
  EXPECT_EQ(choices.groups, (std::vector{kX25519, kSecp256r1}));
}

TEST(MakeChoices, RefusesWhereNothingIsLeft) {
  SideConfig config;
  config.suites = {kAes256GcmSha384};
  CryptoPolicy policy;
  policy.suites.emplace();
  ASSERT_TRUE(MakeChoices(config, policy).problem.has_value());
  EXPECT_EQ(MakeChoices(config, policy).problem->code, Code::kConfigUnusable);
  config.groups = {kX25519};
  policy = {};
  policy.groups = {kSecp256r1};
  EXPECT_TRUE(MakeChoices(config, policy).problem.has_value());
}

// A file may be shared by hosts with and without ML-KEM.
TEST(MakeChoices, LeavesOutWhatThisLibcryptoLacks) {
  SideConfig config;
  config.groups = {kX25519MlKem768, kX25519};
  const Choices choices = MakeChoices(config, {});
  if (handshake::IsSupported(kX25519MlKem768)) {
    EXPECT_EQ(choices.groups, *config.groups);
  } else {
    EXPECT_EQ(choices.groups, std::vector{kX25519});
    EXPECT_EQ(choices.lacking, std::vector<std::string>{"X25519MLKEM768"});
  }
  EXPECT_FALSE(choices.problem.has_value());
}

// RFC 8446 section 5.5: 2^24.5 full records, of either direction.
TEST(VolumeTrouble, IsWhatAKeyIsNotGoodFor) {
  constexpr uint64_t kMost = 23'726'566ULL << 14;
  EXPECT_FALSE(VolumeTrouble(std::nullopt, std::nullopt).has_value());
  EXPECT_FALSE(VolumeTrouble(kMost, {{kAes256GcmSha384}}).has_value());
  const auto trouble = VolumeTrouble(kMost + 1, {{kAes256GcmSha384}});
  ASSERT_TRUE(trouble.has_value());
  EXPECT_NE(trouble->find("TLS_AES_256_GCM_SHA384 for 388G"),
            std::string::npos);
  EXPECT_TRUE(VolumeTrouble(kMost, {{kAes128CcmSha256}}).has_value());
  // One of them may be agreed on.
  EXPECT_TRUE(
      VolumeTrouble(kMost + 1, {{kChaCha20Poly1305Sha256, kAes128GcmSha256}})
          .has_value());
  EXPECT_TRUE(VolumeTrouble(kMost + 1, std::nullopt).has_value());
  EXPECT_FALSE(
      VolumeTrouble(UINT64_MAX, {{kChaCha20Poly1305Sha256}}).has_value());
}

}  // namespace
}  // namespace ktlsd::agent
