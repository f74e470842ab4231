#include "handshake/local_psks.h"

#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/key_access.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/codec/messages.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/key_share.h"
#include "handshake/psk_wait.h"

namespace ktlsd::handshake {
namespace {

Bytes BytesFrom(std::string_view text) { return {text.begin(), text.end()}; }

Bytes KeyOf(uint8_t fill, std::size_t size = 32) { return Bytes(size, fill); }

TEST(LocalPsks, RefusesWhatCannotBeUsed) {
  LocalPsks psks;
  EXPECT_EQ(psks.Add({}, KeyOf(1)).error().code, Code::kConfigUnusable);
  EXPECT_EQ(psks.Add(Bytes{1}, Bytes(257, 1)).error().code,
            Code::kConfigUnusable);
  EXPECT_EQ(psks.Add(Bytes(65536, 1), KeyOf(1)).error().code,
            Code::kConfigUnusable);
  EXPECT_EQ(psks.Add(Bytes{1}, {}).error().code, Code::kConfigUnusable);
  EXPECT_EQ(psks.Add(BytesFrom("NVMe1R01 h s"), KeyOf(1, 48)).error().code,
            Code::kKeyRejected);
  EXPECT_EQ(
      psks.Add(BytesFrom("NVMe1R01 h s"), KeyOf(1), HashAlgorithm::kSha384)
          .error()
          .code,
      Code::kKeyRejected);
  EXPECT_TRUE(psks.Add(Bytes{1}, KeyOf(1)).ok());
  EXPECT_EQ(psks.Add(Bytes{1}, KeyOf(2)).error().code, Code::kConfigUnusable);
}

// A key is for one hash (RFC 8446 section 4.2.11).
TEST(LocalPsks, GivesNothingForAnotherHashOrIdentity) {
  LocalPsks psks;
  psks.Add(BytesFrom("name"), KeyOf(1)).value();
  const HashValue hash(Bytes(48, 1));
  EXPECT_EQ(psks.Binder({BytesFrom("name"), HashAlgorithm::kSha384, hash})
                .error()
                .code,
            Code::kKeyUnavailable);
  EXPECT_EQ(psks.Binder({BytesFrom("names"), HashAlgorithm::kSha256,
                         HashValue(Bytes(32, 1))})
                .error()
                .code,
            Code::kKeyUnavailable);
  EXPECT_EQ(psks.Judge({{BytesFrom("name"), HashAlgorithm::kSha384, hash},
                        Bytes(48, 1)})
                .error()
                .code,
            Code::kKeyUnavailable);
  EXPECT_EQ(psks.HandshakeSecret({BytesFrom("name"), HashAlgorithm::kSha384,
                                  SharedSecret(KeyAccess(), Bytes(32, 1))})
                .error()
                .code,
            Code::kKeyUnavailable);
}

TEST(LocalPsks, JudgesABinder) {
  LocalPsks psks;
  psks.Add(BytesFrom("name"), KeyOf(1)).value();
  const PskBinderRequest claim = {BytesFrom("name"), HashAlgorithm::kSha256,
                                  HashValue(Bytes(32, 1))};
  const HashSecret binder = psks.Binder(claim).value();
  const ByteView right = binder.Reveal(KeyAccess());
  EXPECT_TRUE(psks.Judge({claim, Bytes(right.begin(), right.end())}).ok());
  EXPECT_EQ(psks.Judge({claim, Bytes(32, 1)}).error().code,
            Code::kBadPskBinder);
}

OfferedPsks Offer(std::initializer_list<std::string_view> identities) {
  OfferedPsks offered;
  for (const std::string_view identity : identities) {
    offered.identities.push_back({BytesFrom(identity), 0});
  }
  return offered;
}

TEST(LocalPsks, ChoosesTheFirstThatIsHereAndFitsASuite) {
  LocalPsks psks;
  psks.Add(BytesFrom("long"), KeyOf(1, 48), HashAlgorithm::kSha384).value();
  psks.Add(BytesFrom("short"), KeyOf(2)).value();
  const OfferedPsks offered = Offer({"strange", "long", "short", "shorter"});
  const std::vector<HashAlgorithm> both = {HashAlgorithm::kSha256,
                                           HashAlgorithm::kSha384};
  const std::vector<HashAlgorithm> sha256 = {HashAlgorithm::kSha256};
  EXPECT_EQ(psks.Choose(offered, both)->index, 1U);
  EXPECT_EQ(psks.Choose(offered, both)->hash, HashAlgorithm::kSha384);
  EXPECT_EQ(psks.Choose(offered, sha256)->index, 2U);
  EXPECT_FALSE(psks.Choose(offered, {}));
  EXPECT_FALSE(psks.Choose(Offer({"shor", "shorter"}), both));
}

// A 48-byte key of NVMe/TCP goes with SHA-384 or not at all.
TEST(LocalPsks, TakesNoDefaultForAnNvmeIdentity) {
  LocalPsks psks;
  EXPECT_EQ(psks.Add(BytesFrom("NVMe2R02 h s"), KeyOf(1, 48)).error().code,
            Code::kKeyRejected);
  psks.Add(BytesFrom("NVMe1R02 h s"), KeyOf(1, 48)).value();
  EXPECT_EQ(psks.names().front().hash, HashAlgorithm::kSha384);
}

}  // namespace
}  // namespace ktlsd::handshake
