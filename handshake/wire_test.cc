#include "handshake/wire.h"

#include "gtest/gtest.h"

namespace ktlsd::handshake {
namespace {

TEST(Wire, NamesGroupsAsTheRfcDoes) {
  EXPECT_EQ(GroupName(NamedGroup::kX25519), "x25519");
  EXPECT_EQ(GroupName(NamedGroup::kSecp384r1), "secp384r1");
  EXPECT_EQ(GroupName(NamedGroup::kX25519MlKem768), "X25519MLKEM768");
}

TEST(Wire, NamesSchemesAsTheRfcDoes) {
  EXPECT_EQ(SchemeName(SignatureScheme::kEd25519), "ed25519");
  EXPECT_EQ(SchemeName(SignatureScheme::kRsaPssPssSha384),
            "rsa_pss_pss_sha384");
  EXPECT_EQ(SchemeName(SignatureScheme::kEcdsaSecp256r1Sha256),
            "ecdsa_secp256r1_sha256");
}

TEST(Wire, CallsNumbersOutsideTheEnumsUnknown) {
  EXPECT_EQ(GroupName(NamedGroup{0x0a0a}), "unknown");
  EXPECT_EQ(SchemeName(SignatureScheme{0x0201}), "unknown");
}

TEST(Wire, KnowsTheRandomOfHelloRetryRequest) {
  // RFC 8446 section 4.1.3: CF 21 AD 74 ... C8 A8 33 9C.
  EXPECT_EQ(kHelloRetryRequestRandom.front(), 0xcf);
  EXPECT_EQ(kHelloRetryRequestRandom.back(), 0x9c);
}

}  // namespace
}  // namespace ktlsd::handshake
