#include "ktls/crypto_info.h"

#include <linux/tls.h>

#include <cstring>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/key_access.h"
#include "base/session_keys.h"
#include "base/testing/hex.h"
#include "base/testing/rfc8448.h"
#include "gtest/gtest.h"

namespace ktlsd::ktls {
namespace {

namespace simple = rfc8448::simple;

// Host byte order of this machine, as the kernel reads it.
std::string Head(uint16_t cipher) {
  const tls_crypto_info head = {TLS_1_3_VERSION, cipher};
  Bytes bytes(sizeof(head));
  std::memcpy(bytes.data(), &head, sizeof(head));
  return ToHex(bytes);
}

DirectionKeys KeysOf(std::string_view secret, uint64_t next_record = 0) {
  return {HashSecret(KeyAccess(), FromHex(secret)), next_record};
}

std::string Hex(const Result<CryptoInfo>& info) {
  return info.ok() ? ToHex(info->Reveal(KeyAccess())) : "error";
}

struct Expected {
  CipherSuite suite;
  std::string_view secret;
  uint16_t cipher;
  std::string_view iv;
  std::string_view key;
  std::string_view salt;
};

// Not of any trace: 00 to 2f.
constexpr std::string_view kSecret48 =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324"
    "25262728292a2b2c2d2e2f";

// Keys and ivs as RFC 8448 section 3 has them; those of the other ciphers were
// computed by another implementation, from the same secret where it fits.
const Expected kExpected[] = {
    {CipherSuite::kAes128GcmSha256, simple::kClientApplicationTraffic,
     TLS_CIPHER_AES_GCM_128, "ee08579033e523d9",
     "17422dda596ed5d9acd890e3c63f5051", "5b78923d"},
    {CipherSuite::kAes128GcmSha256, simple::kServerApplicationTraffic,
     TLS_CIPHER_AES_GCM_128, "dd83549aadf1e984",
     "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88"},
    {CipherSuite::kAes256GcmSha384, kSecret48, TLS_CIPHER_AES_GCM_256,
     "a0fe88648fc09e9f",
     "6877d022f1c61d24ebb7487c16752d9a4798e40431c75b39320e537c90e23225",
     "42822531"},
    {CipherSuite::kChaCha20Poly1305Sha256, simple::kClientApplicationTraffic,
     TLS_CIPHER_CHACHA20_POLY1305, "5b78923dee08579033e523d9",
     "c8afd24f48952725381a54085e8d8e3856d8d89e3019243b30a9db54809a3732", ""},
    {CipherSuite::kAes128CcmSha256, simple::kClientApplicationTraffic,
     TLS_CIPHER_AES_CCM_128, "ee08579033e523d9",
     "17422dda596ed5d9acd890e3c63f5051", "5b78923d"},
};

class EveryCipher : public testing::TestWithParam<Expected> {};

TEST_P(EveryCipher, IsLaidOutAsTheKernelWants) {
  const Expected& e = GetParam();
  const std::string expected = Head(e.cipher) + std::string(e.iv) +
                               std::string(e.key) + std::string(e.salt) +
                               "0102030405060708";
  EXPECT_EQ(Hex(MakeCryptoInfo(e.suite, KeysOf(e.secret, 0x0102030405060708))),
            expected);
}

TEST_P(EveryCipher, HasOneNumberInTheKernel) {
  EXPECT_EQ(KernelCipher(GetParam().suite), GetParam().cipher);
  EXPECT_EQ(SuiteOfKernelCipher(GetParam().cipher), GetParam().suite);
}

TEST_P(EveryCipher, RefusesASecretOfAnotherLength) {
  const std::size_t other = GetParam().secret == kSecret48 ? 32 : 48;
  for (const std::size_t size : {std::size_t{0}, other}) {
    const DirectionKeys keys = {HashSecret(KeyAccess(), Bytes(size, 1)), 0};
    EXPECT_EQ(MakeCryptoInfo(GetParam().suite, keys).error().code,
              Code::kApiMisuse);
  }
}

INSTANTIATE_TEST_SUITE_P(Ciphers, EveryCipher, testing::ValuesIn(kExpected));

TEST(CryptoInfo, RefusesASuiteTheKernelLacks) {
  const auto unknown = static_cast<CipherSuite>(0x1305);  // AES-128-CCM-8
  EXPECT_EQ(MakeCryptoInfo(unknown, KeysOf(kSecret48)).error().code,
            Code::kCipherNotOffloadable);
  EXPECT_FALSE(KernelCipher(unknown));
  EXPECT_FALSE(SuiteOfKernelCipher(TLS_CIPHER_SM4_GCM));
}

}  // namespace
}  // namespace ktlsd::ktls
