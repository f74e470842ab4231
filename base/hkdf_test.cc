#include "base/hkdf.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/key_access.h"
#include "base/session_keys.h"
#include "base/testing/hex.h"
#include "base/testing/rfc8448.h"
#include "gtest/gtest.h"

namespace ktlsd {
namespace {

namespace simple = rfc8448::simple;

HashSecret SecretOf(std::string_view hex) {
  return HashSecret(KeyAccess(), FromHex(hex));
}

std::string Hex(const Result<HashSecret>& secret) {
  return secret.ok() ? ToHex(secret->Reveal(KeyAccess())) : "error";
}

TEST(Hkdf, ExtractsTheEarlySecretFromZeros) {
  EXPECT_EQ(Hex(HkdfExtract(HashAlgorithm::kSha256, HashSecret(), ByteView())),
            simple::kEarlySecret);
}

TEST(Hkdf, ExpandsRecordKeys) {
  const HashSecret secret = SecretOf(simple::kClientApplicationTraffic);
  EXPECT_EQ(Hex(HkdfExpandLabel(HashAlgorithm::kSha256, secret, "key",
                                ByteView(), 16)),
            "17422dda596ed5d9acd890e3c63f5051");
  EXPECT_EQ(Hex(HkdfExpandLabel(HashAlgorithm::kSha256, secret, "iv",
                                ByteView(), 12)),
            "5b78923dee08579033e523d9");
}

TEST(Hkdf, ExpandsBeyondOneBlockOfTheHash) {
  EXPECT_EQ(Hex(HkdfExpandLabel(HashAlgorithm::kSha256,
                                SecretOf(simple::kClientApplicationTraffic),
                                "key", ByteView(), 48)),
            "7dc367c46678923f32572b8310b05cc344829ebd337798e270dc9c2fee06d8b5"
            "2ac739470b1f92fb6100d7a9f606a0cd");
}

// Each expansion is of the secret alone, whatever was expanded before.
TEST(HkdfExpander, ExpandsAnyNumber) {
  const HashSecret secret = SecretOf(simple::kClientApplicationTraffic);
  auto expander = HkdfExpander::Create(HashAlgorithm::kSha256, secret);
  ASSERT_TRUE(expander.ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Hex(expander->Expand("key", ByteView(), 16)),
              "17422dda596ed5d9acd890e3c63f5051");
    EXPECT_EQ(Hex(expander->Expand("iv", ByteView(), 12)),
              "5b78923dee08579033e523d9");
  }
}

TEST(HkdfExpander, GoesOnAfterMisuse) {
  const HashSecret secret = SecretOf(simple::kClientApplicationTraffic);
  auto expander = HkdfExpander::Create(HashAlgorithm::kSha256, secret);
  EXPECT_EQ(expander->Expand("key", ByteView(), 0).error().code,
            Code::kApiMisuse);
  EXPECT_EQ(Hex(expander->Expand("key", ByteView(), 16)),
            "17422dda596ed5d9acd890e3c63f5051");
}

TEST(HkdfExpander, RefusesUseAfterMove) {
  auto expander = HkdfExpander::Create(HashAlgorithm::kSha256,
                                       HashSecret(KeyAccess(), Bytes(32, 1)));
  const HkdfExpander moved = std::move(expander).value();
  // NOLINTNEXTLINE(bugprone-use-after-move)
  EXPECT_EQ(expander->Expand("key", ByteView(), 16).error().code,
            Code::kApiMisuse);
}

// The expected values were computed by another implementation.
TEST(Hkdf, ExpandsWithSha384) {
  const HashSecret secret = SecretOf(
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e"
      "1f202122232425262728292a2b2c2d2e2f");
  EXPECT_EQ(Hex(HkdfExpandLabel(HashAlgorithm::kSha384, secret, "key",
                                ByteView(), 32)),
            "6877d022f1c61d24ebb7487c16752d9a4798e40431c75b39320e537c90e23225");
}

// RFC 4231 section 4.3 (test case 2).
TEST(Hmac, MatchesRfc4231) {
  const HashSecret key = SecretOf("4a656665");
  const Bytes data =
      FromHex("7768617420646f2079612077616e7420666f72206e6f7468696e673f");
  EXPECT_EQ(Hex(Hmac(HashAlgorithm::kSha256, key, data)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(Hex(Hmac(HashAlgorithm::kSha384, key, data)),
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
            "8e2240ca5e69e2c78b3239ecfab21649");
}

TEST(Hmac, RefusesAnEmptyKey) {
  EXPECT_EQ(Hmac(HashAlgorithm::kSha256, HashSecret(), ByteView()).error().code,
            Code::kApiMisuse);
}

struct Misuse {
  std::size_t secret_size;
  std::size_t label_size;
  std::size_t context_size;
  std::size_t length;
};

class HkdfMisuse : public testing::TestWithParam<Misuse> {};

TEST_P(HkdfMisuse, IsRefused) {
  const HashSecret secret(KeyAccess(), Bytes(GetParam().secret_size, 1));
  const Result<HashSecret> expanded = HkdfExpandLabel(
      HashAlgorithm::kSha256, secret, std::string(GetParam().label_size, 'x'),
      Bytes(GetParam().context_size), GetParam().length);
  EXPECT_EQ(expanded.error().code, Code::kApiMisuse);
}

INSTANTIATE_TEST_SUITE_P(
    Hkdf, HkdfMisuse,
    testing::Values(Misuse{0, 3, 0, 16}, Misuse{48, 3, 0, 16},
                    Misuse{32, 250, 0, 16}, Misuse{32, 3, 256, 16},
                    Misuse{32, 3, 0, 0}, Misuse{32, 3, 0, 49}));

// RFC 5869 section 2.3: at most 255 blocks of the hash.
TEST(Hkdf, ExpandsUpTo255Blocks) {
  const HashSecret secret(KeyAccess(), Bytes(32, 1));
  Bytes out(255 * 32 + 1);
  const auto expand = [&](std::span<uint8_t> into) {
    return HkdfExpandLabelInto(HashAlgorithm::kSha256, secret, "key",
                               ByteView(), into);
  };
  EXPECT_TRUE(expand(std::span(out).first(std::size_t{255} * 32)).ok());
  EXPECT_EQ(expand(out).error().code, Code::kApiMisuse);
}

}  // namespace
}  // namespace ktlsd
