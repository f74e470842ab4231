#include "handshake/crypto/key_share.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/key_access.h"
#include "base/libcrypto.h"
#include "base/testing/hex.h"
#include "gtest/gtest.h"

namespace ktlsd::handshake {
namespace {

Code AgreeError(NamedGroup group, ByteView share) {
  Result<SharedSecret> secret = KeyShare::Generate(group).value().Agree(share);
  return secret.ok() ? Code::kInternal : secret.error().code;
}

struct Sizes {
  NamedGroup group;
  std::size_t client_share;
  std::size_t server_share;
  std::size_t secret;
};

class EveryGroup : public testing::TestWithParam<Sizes> {
 protected:
  void SetUp() override {
    if (!IsSupported(GetParam().group)) {
      GTEST_SKIP() << "this libcrypto has no ML-KEM";
    }
  }
};

TEST_P(EveryGroup, GivesBothSidesOneSecret) {
  KeyShare client = KeyShare::Generate(GetParam().group).value();
  EXPECT_EQ(client.group(), GetParam().group);
  EXPECT_EQ(client.public_share().size(), GetParam().client_share);
  const KeyAgreement server =
      Answer(GetParam().group, client.public_share()).value();
  EXPECT_EQ(server.public_share.size(), GetParam().server_share);
  const SharedSecret secret =
      std::move(client).Agree(server.public_share).value();
  EXPECT_EQ(secret.size(), GetParam().secret);
  EXPECT_TRUE(secret.Equals(server.secret));
}

TEST_P(EveryGroup, GivesEachPairItsOwnSecret) {
  const KeyShare client = KeyShare::Generate(GetParam().group).value();
  const KeyAgreement one =
      Answer(GetParam().group, client.public_share()).value();
  const KeyAgreement other =
      Answer(GetParam().group, client.public_share()).value();
  EXPECT_NE(one.public_share, other.public_share);
  EXPECT_FALSE(one.secret.Equals(other.secret));
}

TEST_P(EveryGroup, RefusesEveryOtherLength) {
  const Bytes client = KeyShare::Generate(GetParam().group)->public_share();
  Bytes share = Answer(GetParam().group, client)->public_share;
  share.push_back(0);
  for (std::size_t size = 0; size <= share.size(); ++size) {
    if (size != GetParam().server_share) {
      EXPECT_EQ(AgreeError(GetParam().group, ByteView(share).first(size)),
                Code::kIllegalParameter)
          << size;
    }
  }
}

TEST_P(EveryGroup, RefusesEveryOtherLengthAsServer) {
  Bytes share = KeyShare::Generate(GetParam().group)->public_share();
  share.push_back(0);
  for (std::size_t size = 0; size <= share.size(); ++size) {
    if (size != GetParam().client_share) {
      const Error error =
          Answer(GetParam().group, ByteView(share).first(size)).error();
      EXPECT_EQ(error.code, Code::kIllegalParameter) << size;
      // Before it is split into the halves of a hybrid.
      EXPECT_EQ(error.what, "key share of a wrong length") << size;
    }
  }
}

TEST_P(EveryGroup, RefusesUseAfterAgreeing) {
  KeyShare client = KeyShare::Generate(GetParam().group).value();
  const Bytes share =
      Answer(GetParam().group, client.public_share())->public_share;
  ASSERT_TRUE(std::move(client).Agree(share).ok());
  // NOLINTNEXTLINE(bugprone-use-after-move)
  EXPECT_EQ(std::move(client).Agree(share).error().code, Code::kApiMisuse);
}

INSTANTIATE_TEST_SUITE_P(
    Groups, EveryGroup,
    testing::Values(Sizes{NamedGroup::kX25519, 32, 32, 32},
                    Sizes{NamedGroup::kSecp256r1, 65, 65, 32},
                    Sizes{NamedGroup::kSecp384r1, 97, 97, 48},
                    Sizes{NamedGroup::kSecp521r1, 133, 133, 66},
                    Sizes{NamedGroup::kX25519MlKem768, 1216, 1120, 64},
                    Sizes{NamedGroup::kSecP256r1MlKem768, 1249, 1153, 64},
                    Sizes{NamedGroup::kSecP384r1MlKem1024, 1665, 1665, 80}),
    [](const auto& param) {
      return std::string(GroupName(param.param.group));
    });

constexpr std::size_t kEncapsulationKey = 1184;  // bytes, of ML-KEM-768
constexpr std::size_t kCiphertext = 1088;        // bytes, of ML-KEM-768

// Both sides of a handshake in X25519MLKEM768 and in SecP256r1MLKEM768: where
// the halves are, the KEM half first and the curve half first.
struct Layout {
  NamedGroup group;
  std::size_t kem_at;  // bytes
  std::size_t curve_at_client;
  std::size_t curve_at_server;
  NamedGroup curve;
};

class Hybrid : public testing::TestWithParam<Layout> {
 protected:
  void SetUp() override {
    if (!IsSupported(GetParam().group)) {
      GTEST_SKIP() << "this libcrypto has no ML-KEM";
    }
    client_.emplace(KeyShare::Generate(GetParam().group).value());
    share_ = client_->public_share();
  }

  std::optional<KeyShare> client_;
  Bytes share_;
};

// FIPS 203 section 7.2: 12-bit coefficients of q = 3329 or more are refused.
TEST_P(Hybrid, RefusesAKeyWithCoefficientsOutOfRange) {
  std::fill_n(share_.begin() + static_cast<std::ptrdiff_t>(GetParam().kem_at),
              3, uint8_t{0xff});
  EXPECT_EQ(Answer(GetParam().group, share_).error().code,
            Code::kIllegalParameter);
}

TEST_P(Hybrid, HasItsCurveHalfWhereTheDraftSays) {
  const Bytes other = KeyShare::Generate(GetParam().curve)->public_share();
  std::ranges::fill(
      std::span(share_).subspan(GetParam().curve_at_client, other.size()),
      uint8_t{0});
  EXPECT_EQ(Answer(GetParam().group, share_).error().code,
            Code::kIllegalParameter);
}

// What was changed on the way gives another secret, so no Finished verifies.
TEST_P(Hybrid, GivesAnotherSecretForAChangedCiphertext) {
  KeyAgreement server = Answer(GetParam().group, share_).value();
  server.public_share[GetParam().kem_at] ^= 1;
  const SharedSecret secret =
      (*std::move(client_)).Agree(server.public_share).value();
  EXPECT_EQ(secret.size(), server.secret.size());
  EXPECT_FALSE(secret.Equals(server.secret));
  // The curve's half of the secret is the same all the same.
  const auto half = [](const SharedSecret& whole) {
    const auto bytes = whole.Reveal(KeyAccess());
    return ToHex(GetParam().kem_at == 0 ? bytes.last(32) : bytes.first(32));
  };
  EXPECT_EQ(half(secret), half(server.secret));
}

TEST_P(Hybrid, RefusesAZeroedCurveHalfOfTheServer) {
  KeyAgreement server = Answer(GetParam().group, share_).value();
  std::ranges::fill(
      std::span(server.public_share).subspan(GetParam().curve_at_server, 32),
      uint8_t{0});
  EXPECT_EQ((*std::move(client_)).Agree(server.public_share).error().code,
            Code::kIllegalParameter);
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, Hybrid,
    testing::Values(Layout{NamedGroup::kX25519MlKem768, 0, kEncapsulationKey,
                           kCiphertext, NamedGroup::kX25519},
                    Layout{NamedGroup::kSecP256r1MlKem768, 65, 0, 0,
                           NamedGroup::kSecp256r1}),
    [](const auto& param) {
      return std::string(GroupName(param.param.group));
    });

std::vector<NamedGroup> ClassicGroups() {
  return {NamedGroup::kX25519, NamedGroup::kSecp256r1, NamedGroup::kSecp384r1,
          NamedGroup::kSecp521r1};
}

// Asks libcrypto itself, so that the answer is right with each.
TEST(SupportedGroups, HaveHybridsFirstWhereThereIsMlKem) {
  std::vector<NamedGroup> expected;
  const std::unique_ptr<EVP_KEM, FnDeleter<EVP_KEM_free>> kem(
      EVP_KEM_fetch(nullptr, "ML-KEM-768", nullptr));
  if (kem) {
    expected = {NamedGroup::kX25519MlKem768, NamedGroup::kSecP256r1MlKem768,
                NamedGroup::kSecP384r1MlKem1024};
  }
  std::ranges::copy(ClassicGroups(), std::back_inserter(expected));
  EXPECT_TRUE(std::ranges::equal(SupportedGroups(), expected));
  EXPECT_FALSE(IsSupported(static_cast<NamedGroup>(0x0100)));
}

TEST(SupportedGroups, KnowsHybrids) {
  EXPECT_TRUE(IsHybrid(NamedGroup::kX25519MlKem768));
  EXPECT_TRUE(IsHybrid(NamedGroup::kSecP384r1MlKem1024));
  EXPECT_FALSE(IsHybrid(static_cast<NamedGroup>(0x0100)));
  for (const NamedGroup group : ClassicGroups()) {
    EXPECT_FALSE(IsHybrid(group));
    EXPECT_TRUE(IsSupported(group));
  }
}

TEST(KeyShare, RefusesAnUnknownGroup) {
  const auto unknown = static_cast<NamedGroup>(0x0100);
  EXPECT_EQ(KeyShare::Generate(unknown).error().code, Code::kNoCommonGroup);
  EXPECT_EQ(Answer(unknown, Bytes(32)).error().code, Code::kNoCommonGroup);
}

// The u-coordinates of the points of small order, below 2^255: their product
// with any private key is 0 (RFC 7748 section 6.1).
TEST(X25519, RefusesPointsOfSmallOrder) {
  constexpr std::array<std::string_view, 7> kLowOrder = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  };
  for (const std::string_view point : kLowOrder) {
    Bytes share = FromHex(point);
    EXPECT_EQ(AgreeError(NamedGroup::kX25519, share), Code::kIllegalParameter)
        << point;
    share.back() |= 0x80;  // the top bit is ignored (RFC 7748 section 5)
    EXPECT_EQ(AgreeError(NamedGroup::kX25519, share), Code::kIllegalParameter)
        << point;
    EXPECT_EQ(Answer(NamedGroup::kX25519, share).error().code,
              Code::kIllegalParameter);
  }
}

class Curve : public testing::TestWithParam<NamedGroup> {
 protected:
  Bytes Share() const { return KeyShare::Generate(GetParam())->public_share(); }
  // By a client and by a server.
  void ExpectRefused(ByteView share) const {
    EXPECT_EQ(AgreeError(GetParam(), share), Code::kIllegalParameter);
    EXPECT_EQ(Answer(GetParam(), share).error().code, Code::kIllegalParameter);
  }
};

TEST_P(Curve, RefusesAPointOffTheCurve) {
  Bytes share = Share();
  share.back() ^= 1;
  ExpectRefused(share);
}

TEST_P(Curve, RefusesCoordinatesBeyondTheField) {
  Bytes share = Share();
  std::fill(share.begin() + 1, share.end(), uint8_t{0xff});
  ExpectRefused(share);
}

TEST_P(Curve, RefusesZeroCoordinates) {
  Bytes share = Share();
  std::fill(share.begin() + 1, share.end(), uint8_t{0});
  ExpectRefused(share);
}

// RFC 8446 section 4.2.8.2: only the uncompressed form; 6 and 7 are its hybrid
// variants, 2 and 3 the compressed ones.
TEST_P(Curve, RefusesOtherPointForms) {
  for (const uint8_t form : Bytes{0, 1, 2, 3, 5, 6, 7}) {
    Bytes share = Share();
    share.front() = form;
    ExpectRefused(share);
  }
  Bytes compressed = Share();
  compressed.resize(1 + (compressed.size() - 1) / 2);
  compressed.front() = 2;
  ExpectRefused(compressed);
  ExpectRefused(Bytes{0});
}

TEST_P(Curve, RefusesAPointOfTheOtherCurve) {
  const NamedGroup other = GetParam() == NamedGroup::kSecp256r1
                               ? NamedGroup::kSecp384r1
                               : NamedGroup::kSecp256r1;
  ExpectRefused(KeyShare::Generate(other)->public_share());
}

// RFC 8446 section 7.4.2: "leading zeros found in this octet string MUST NOT be
// truncated".
TEST_P(Curve, KeepsLeadingZerosOfTheSecret) {
  const std::size_t size = (Share().size() - 1) / 2;
  bool seen = false;
  for (int i = 0; i < 10000 && !seen; ++i) {
    KeyShare client = KeyShare::Generate(GetParam()).value();
    const KeyAgreement server =
        Answer(GetParam(), client.public_share()).value();
    ASSERT_EQ(server.secret.size(), size);
    seen = server.secret.Reveal(KeyAccess()).front() == 0;
    const SharedSecret secret =
        std::move(client).Agree(server.public_share).value();
    ASSERT_EQ(secret.size(), size);
  }
  EXPECT_TRUE(seen);
}

INSTANTIATE_TEST_SUITE_P(Curves, Curve,
                         testing::Values(NamedGroup::kSecp256r1,
                                         NamedGroup::kSecp384r1,
                                         NamedGroup::kSecp521r1));

TEST(FillRandom, FillsAllOfIt) {
  std::array<uint8_t, 64> one{};
  std::array<uint8_t, 64> other{};
  ASSERT_TRUE(FillRandom(one).ok());
  ASSERT_TRUE(FillRandom(other).ok());
  EXPECT_NE(one, other);
}

}  // namespace
}  // namespace ktlsd::handshake
