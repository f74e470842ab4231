#include "handshake/wire.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"

namespace ktlsd::handshake {
namespace {

TEST(Wire, NamesGroupsAsTheRfcDoes) {
  EXPECT_EQ(GroupName(NamedGroup::kX25519), "x25519");
  EXPECT_EQ(GroupName(NamedGroup::kSecp256r1), "secp256r1");
  EXPECT_EQ(GroupName(NamedGroup::kSecp384r1), "secp384r1");
  EXPECT_EQ(GroupName(NamedGroup::kSecp521r1), "secp521r1");
  EXPECT_EQ(GroupName(NamedGroup::kSecP256r1MlKem768), "SecP256r1MLKEM768");
  EXPECT_EQ(GroupName(NamedGroup::kSecP384r1MlKem1024), "SecP384r1MLKEM1024");
  EXPECT_EQ(GroupName(NamedGroup::kX25519MlKem768), "X25519MLKEM768");
}

TEST(Wire, NamesSchemesAsTheRfcDoes) {
  const std::pair<uint16_t, std::string_view> names[] = {
      {0x0401, "rsa_pkcs1_sha256"},
      {0x0501, "rsa_pkcs1_sha384"},
      {0x0601, "rsa_pkcs1_sha512"},
      {0x0403, "ecdsa_secp256r1_sha256"},
      {0x0503, "ecdsa_secp384r1_sha384"},
      {0x0603, "ecdsa_secp521r1_sha512"},
      {0x0804, "rsa_pss_rsae_sha256"},
      {0x0805, "rsa_pss_rsae_sha384"},
      {0x0806, "rsa_pss_rsae_sha512"},
      {0x0807, "ed25519"},
      {0x0808, "ed448"},
      {0x0809, "rsa_pss_pss_sha256"},
      {0x080a, "rsa_pss_pss_sha384"},
      {0x080b, "rsa_pss_pss_sha512"},
      {0x0904, "mldsa44"},
      {0x0905, "mldsa65"},
      {0x0906, "mldsa87"},
  };
  for (const auto& [number, name] : names) {
    EXPECT_EQ(SchemeName(SignatureScheme{number}), name);
  }
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
