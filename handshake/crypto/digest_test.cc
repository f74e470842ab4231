#include "handshake/crypto/digest.h"

#include <utility>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/key_access.h"
#include "base/testing/hex.h"
#include "base/testing/rfc8448.h"
#include "gtest/gtest.h"

namespace ktlsd::handshake {
namespace {

TEST(Hash, OfNothing) {
  EXPECT_EQ(ToHex(Hash(HashAlgorithm::kSha256, ByteView())->view()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(ToHex(Hash(HashAlgorithm::kSha384, ByteView())->view()),
            "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
            "274edebfe76f65fbd51ad2f14898b95b");
}

TEST(Transcript, IsTheHashOfWhatWasAdded) {
  Result<Transcript> transcript = Transcript::Create(HashAlgorithm::kSha256);
  ASSERT_TRUE(transcript.ok());
  ASSERT_TRUE(transcript->Add(FromHex(rfc8448::simple::kClientHello)).ok());
  ASSERT_TRUE(transcript->Current().ok());
  ASSERT_TRUE(transcript->Add(FromHex(rfc8448::simple::kServerHello)).ok());
  EXPECT_EQ(ToHex(transcript->Current()->view()),
            "860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
}

// RFC 8446 section 4.4.1: the synthetic message_hash of ClientHello1.
TEST(Transcript, StandsForTheFirstHelloByItsHash) {
  namespace retry = rfc8448::retry;
  Result<Transcript> transcript = Transcript::Create(HashAlgorithm::kSha256);
  ASSERT_TRUE(transcript->Add(FromHex(retry::kClientHello1)).ok());
  ASSERT_TRUE(transcript->ReplaceByMessageHash().ok());
  for (const auto message :
       {retry::kHelloRetryRequest, retry::kClientHello2, retry::kServerHello}) {
    ASSERT_TRUE(transcript->Add(FromHex(message)).ok());
  }
  EXPECT_EQ(ToHex(transcript->Current()->view()),
            "8aa8e828ec2f8a884fec95a3139de01c15a3daa7ff5bfc3f4bfcc21b438d7bf8");
}

TEST(Transcript, RefusesUseAfterMove) {
  Result<Transcript> transcript = Transcript::Create(HashAlgorithm::kSha384);
  const Transcript moved = std::move(transcript).value();
  EXPECT_EQ(moved.algorithm(), HashAlgorithm::kSha384);
  // NOLINTBEGIN(bugprone-use-after-move)
  EXPECT_EQ(transcript->Add(Bytes{1}).error().code, Code::kApiMisuse);
  EXPECT_EQ(transcript->Current().error().code, Code::kApiMisuse);
  EXPECT_EQ(transcript->ReplaceByMessageHash().error().code, Code::kApiMisuse);
  // NOLINTEND(bugprone-use-after-move)
}

TEST(HashValue, KeepsAtMostAHashAndComparesBytes) {
  EXPECT_EQ(HashValue(Bytes(60, 1)).view().size(), 48U);
  EXPECT_TRUE(HashValue(Bytes{1, 2}) == HashValue(Bytes{1, 2}));
  EXPECT_FALSE(HashValue(Bytes{1, 2}) == HashValue(Bytes{1}));
}

TEST(SecretEquals, ComparesLengthAndBytes) {
  const HashSecret secret(KeyAccess(), Bytes{1, 2, 3});
  EXPECT_TRUE(SecretEquals(secret, Bytes{1, 2, 3}));
  EXPECT_FALSE(SecretEquals(secret, Bytes{1, 2, 4}));
  EXPECT_FALSE(SecretEquals(secret, Bytes{1, 2}));
  EXPECT_FALSE(SecretEquals(secret, Bytes{1, 2, 3, 0}));
  EXPECT_FALSE(SecretEquals(HashSecret(), ByteView()));
}

}  // namespace
}  // namespace ktlsd::handshake
