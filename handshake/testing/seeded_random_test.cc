// The same seed gives the same bytes, whatever of libcrypto draws them.

#include "handshake/testing/seeded_random.h"

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "gtest/gtest.h"
#include "handshake/crypto/key_share.h"
#include "handshake/testing/test_pki.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

Bytes Draw(std::size_t size = 32) {
  Bytes bytes(size);
  FillRandom(bytes).value();
  return bytes;
}

Bytes DrawWith(uint64_t seed) {
  const SeededRandom random(seed);
  return Draw();
}

TEST(SeededRandom, RepeatsForItsSeedOnly) {
  EXPECT_EQ(DrawWith(1), DrawWith(1));
  EXPECT_NE(DrawWith(1), DrawWith(2));
}

TEST(SeededRandom, GoesOnFromDrawToDraw) {
  const SeededRandom random(1);
  const Bytes first = Draw();
  EXPECT_NE(first, Draw());
}

TEST(SeededRandom, LeavesLibcryptosOwnGeneratorBehind) {
  DrawWith(1);
  const Bytes first = Draw();
  const Bytes second = Draw();
  EXPECT_NE(first, second);
  EXPECT_NE(first, DrawWith(1));
}

TEST(SeededRandom, NestedLeavesTheOuterWhereItWas) {
  Bytes plain;
  Bytes nested;
  {
    const SeededRandom random(1);
    Draw();
    plain = Draw();
  }
  {
    const SeededRandom random(1);
    Draw();
    EXPECT_EQ(DrawWith(2), DrawWith(2));
    nested = Draw();
  }
  EXPECT_EQ(plain, nested);
}

TEST(SeededRandom, MakesTheSameEphemeralKeys) {
  for (const NamedGroup group : SupportedGroups()) {
    std::vector<Bytes> shares;
    for (int run = 0; run < 2; ++run) {
      const SeededRandom random(1);
      shares.push_back(KeyShare::Generate(group).value().public_share());
    }
    EXPECT_EQ(shares[0], shares[1]) << static_cast<int>(group);
  }
}

TEST(SeededRandom, MakesTheSameCertificates) {
  std::vector<Bytes> certificates;
  for (int run = 0; run < 2; ++run) {
    const SeededRandom random(1);
    certificates.push_back(MakeTestPki().server.der());
  }
  EXPECT_EQ(certificates[0], certificates[1]);
}

}  // namespace
}  // namespace ktlsd::handshake
