#include "handshake/crypto/key_share.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/key_access.h"
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
  std::size_t share;
  std::size_t secret;
};

class EveryGroup : public testing::TestWithParam<Sizes> {};

TEST_P(EveryGroup, GivesBothSidesOneSecret) {
  KeyShare client = KeyShare::Generate(GetParam().group).value();
  EXPECT_EQ(client.group(), GetParam().group);
  EXPECT_EQ(client.public_share().size(), GetParam().share);
  const KeyAgreement server =
      Answer(GetParam().group, client.public_share()).value();
  EXPECT_EQ(server.public_share.size(), GetParam().share);
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
  Bytes share = KeyShare::Generate(GetParam().group)->public_share();
  share.push_back(0);
  for (std::size_t size = 0; size <= share.size(); ++size) {
    if (size != GetParam().share) {
      EXPECT_EQ(AgreeError(GetParam().group, ByteView(share).first(size)),
                Code::kIllegalParameter)
          << size;
    }
  }
}

TEST_P(EveryGroup, RefusesUseAfterAgreeing) {
  KeyShare client = KeyShare::Generate(GetParam().group).value();
  const Bytes share = KeyShare::Generate(GetParam().group)->public_share();
  ASSERT_TRUE(std::move(client).Agree(share).ok());
  // NOLINTNEXTLINE(bugprone-use-after-move)
  EXPECT_EQ(std::move(client).Agree(share).error().code, Code::kApiMisuse);
}

INSTANTIATE_TEST_SUITE_P(Groups, EveryGroup,
                         testing::Values(Sizes{NamedGroup::kX25519, 32, 32},
                                         Sizes{NamedGroup::kSecp256r1, 65, 32},
                                         Sizes{NamedGroup::kSecp384r1, 97, 48},
                                         Sizes{NamedGroup::kSecp521r1, 133,
                                               66}));

TEST(SupportedGroups, AreThoseOfEveryLibcrypto) {
  EXPECT_TRUE(std::ranges::equal(
      SupportedGroups(),
      std::array{NamedGroup::kX25519, NamedGroup::kSecp256r1,
                 NamedGroup::kSecp384r1, NamedGroup::kSecp521r1}));
  EXPECT_FALSE(IsSupported(static_cast<NamedGroup>(0x0100)));
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
};

TEST_P(Curve, RefusesAPointOffTheCurve) {
  Bytes share = Share();
  share.back() ^= 1;
  EXPECT_EQ(AgreeError(GetParam(), share), Code::kIllegalParameter);
}

TEST_P(Curve, RefusesCoordinatesBeyondTheField) {
  Bytes share = Share();
  std::fill(share.begin() + 1, share.end(), uint8_t{0xff});
  EXPECT_EQ(AgreeError(GetParam(), share), Code::kIllegalParameter);
}

TEST_P(Curve, RefusesZeroCoordinates) {
  Bytes share = Share();
  std::fill(share.begin() + 1, share.end(), uint8_t{0});
  EXPECT_EQ(AgreeError(GetParam(), share), Code::kIllegalParameter);
}

// RFC 8446 section 4.2.8.2: only the uncompressed form; 6 and 7 are its hybrid
// variants, 2 and 3 the compressed ones.
TEST_P(Curve, RefusesOtherPointForms) {
  for (const uint8_t form : Bytes{0, 1, 2, 3, 5, 6, 7}) {
    Bytes share = Share();
    share.front() = form;
    EXPECT_EQ(AgreeError(GetParam(), share), Code::kIllegalParameter);
  }
  Bytes compressed = Share();
  compressed.resize(1 + (compressed.size() - 1) / 2);
  compressed.front() = 2;
  EXPECT_EQ(AgreeError(GetParam(), compressed), Code::kIllegalParameter);
  EXPECT_EQ(AgreeError(GetParam(), Bytes{0}), Code::kIllegalParameter);
}

TEST_P(Curve, RefusesAPointOfTheOtherCurve) {
  const NamedGroup other = GetParam() == NamedGroup::kSecp256r1
                               ? NamedGroup::kSecp384r1
                               : NamedGroup::kSecp256r1;
  EXPECT_EQ(AgreeError(GetParam(), KeyShare::Generate(other)->public_share()),
            Code::kIllegalParameter);
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
