#include "handshake/psk.h"

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/key_access.h"
#include "base/testing/hex.h"
#include "gtest/gtest.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/key_share.h"
#include "handshake/psk_wait.h"

namespace ktlsd::handshake {
namespace {

struct Known {
  HashAlgorithm hash;
  std::string_view binder;
  std::string_view handshake_secret;
};

// Computed with HMAC and SHA-2 of another implementation, following RFC 8446
// sections 7.1 and 4.2.11.2: a PSK of 00 01 02 ... as long as the hash, a
// transcript hash of 5a bytes, a shared secret of 32 bytes 77.
constexpr Known kKnown[] = {
    {HashAlgorithm::kSha256,
     "d401e1855d18863137d3cf92cf21bad80c48447cbe83c5e7af8c07d1e2e1a66e",
     "90915c762959ac675a2152f72f18e335362a7beec8af2eeaafce6f61bee27a77"},
    {HashAlgorithm::kSha384,
     "f641b01b3695ac3569f74e671c4bfd8ae3fe4b723a112c1fb0d360232d9e574f"
     "addbca4aaa43f84c7f8a094db2ccd524",
     "aadc5c4f9e84a0ae3f79315a3e64b07bd08e244a7ba6781ef1d8614720759107"
     "907305e2c40f0e625d097865016d57da"}};

PskKey CountingKey(std::size_t size) {
  Bytes bytes;
  for (std::size_t i = 0; i < size; ++i) {
    bytes.push_back(static_cast<uint8_t>(i));
  }
  return {KeyAccess(), bytes};
}

std::string Hex(const Result<HashSecret>& secret) {
  return secret.ok() ? ToHex(secret->Reveal(KeyAccess())) : "an error";
}

TEST(Psk, BinderAndHandshakeSecretAreTheKnownOnes) {
  for (const Known& known : kKnown) {
    const std::size_t size = HashSize(known.hash);
    const PskKey key = CountingKey(size);
    EXPECT_EQ(Hex(PskBinder(
                  key, {Bytes{1}, known.hash, HashValue(Bytes(size, 0x5a))})),
              known.binder);
    EXPECT_EQ(Hex(PskHandshakeSecret(
                  key, {Bytes{1}, known.hash,
                        SharedSecret(KeyAccess(), Bytes(32, 0x77))})),
              known.handshake_secret);
  }
}

TEST(Psk, ABinderIsRightInAllItsBytesOrWrong) {
  for (const Known& known : kKnown) {
    const std::size_t size = HashSize(known.hash);
    const PskKey key = CountingKey(size);
    PskProof proof{{Bytes{1}, known.hash, HashValue(Bytes(size, 0x5a))},
                   FromHex(known.binder)};
    EXPECT_TRUE(CheckPskBinder(key, proof).ok());
    EXPECT_EQ(CheckPskBinder(CountingKey(size - 1), proof).error().code,
              Code::kBadPskBinder);
    for (uint8_t& byte : proof.binder) {
      byte ^= 1;
      EXPECT_EQ(CheckPskBinder(key, proof).error().code, Code::kBadPskBinder);
      byte ^= 1;
    }
    proof.binder.pop_back();
    EXPECT_EQ(CheckPskBinder(key, proof).error().code, Code::kBadPskBinder);
    proof.binder.clear();
    EXPECT_EQ(CheckPskBinder(key, proof).error().code, Code::kBadPskBinder);
  }
}

TEST(Psk, AnEmptyKeyGivesNothing) {
  const PskKey empty;
  EXPECT_EQ(PskBinder(empty, {Bytes{1}, HashAlgorithm::kSha256,
                              HashValue(Bytes(32, 1))})
                .error()
                .code,
            Code::kApiMisuse);
  EXPECT_EQ(PskHandshakeSecret(empty, {Bytes{1}, HashAlgorithm::kSha256,
                                       SharedSecret(KeyAccess(), Bytes(32, 1))})
                .error()
                .code,
            Code::kApiMisuse);
}

TEST(Psk, ATranscriptHashOfAnotherSizeIsRefused) {
  EXPECT_EQ(PskBinder(CountingKey(32), {Bytes{1}, HashAlgorithm::kSha256,
                                        HashValue(Bytes(48, 1))})
                .error()
                .code,
            Code::kApiMisuse);
}

Result<std::optional<HashAlgorithm>> HashFor(std::string_view identity,
                                             std::size_t key_size) {
  return NvmePskHash(Bytes(identity.begin(), identity.end()), key_size);
}

TEST(NvmePskHash, IsWhatTheIdentitySays) {
  constexpr std::string_view kNames = " nqn.host nqn.subsystem";
  for (const std::string_view version : {"NVMe0R", "NVMe1R", "NVMe1G"}) {
    const std::string start(version);
    const auto sha256 = HashFor(start + "01" + std::string(kNames), 32);
    ASSERT_TRUE(sha256.ok());
    EXPECT_EQ(*sha256, HashAlgorithm::kSha256);
    const auto sha384 = HashFor(start + "02" + std::string(kNames), 48);
    ASSERT_TRUE(sha384.ok());
    EXPECT_EQ(*sha384, HashAlgorithm::kSha384);
  }
}

TEST(NvmePskHash, RefusesAKeyOfAnotherLength) {
  for (const std::size_t size : {31U, 33U, 48U, 0U}) {
    EXPECT_EQ(HashFor("NVMe1R01 h s d", size).error().code, Code::kKeyRejected);
  }
  EXPECT_EQ(HashFor("NVMe1R02 h s d", 32).error().code, Code::kKeyRejected);
}

TEST(NvmePskHash, RefusesAHashThatTlsHasNot) {
  for (const std::string_view identity :
       {"NVMe1R00 h s", "NVMe1R03 h s", "NVMe1R11 h s"}) {
    EXPECT_EQ(HashFor(identity, 32).error().code, Code::kKeyRejected);
  }
}

// Its hash is not known, and a guess may be the wrong one.
TEST(NvmePskHash, RefusesAFormThatIsNotKnown) {
  for (const std::string_view identity :
       {"NVMe1", "NVMe1R01", "NVMe2R02 h s", "NVMe1X02 h s", "NVMe1R02\th s"}) {
    EXPECT_EQ(HashFor(identity, 48).error().code, Code::kKeyRejected)
        << identity;
  }
}

TEST(NvmePskHash, SaysNothingOfOtherIdentities) {
  for (const std::string_view identity :
       {"client", "NVMe", "NVMe-1", "nvme1R01 h s", "xNVMe1R01 h s"}) {
    const auto hash = HashFor(identity, 5);
    ASSERT_TRUE(hash.ok()) << identity;
    EXPECT_FALSE(*hash) << identity;
  }
}

}  // namespace
}  // namespace ktlsd::handshake
