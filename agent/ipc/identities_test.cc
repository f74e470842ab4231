#include "agent/ipc/identities.h"

#include <gtest/gtest.h>

namespace ktlsd::agent {
namespace {

TEST(Identities, ComeBackAsTheyWere) {
  const std::vector<Bytes> identities = {
      {'a', 0, 'b'}, {}, Bytes(kMaxIdentityBytes, 0xff)};
  Bytes payload;
  for (const Bytes& identity : identities) {
    AppendIdentity(identity, payload);
  }
  const auto parsed = ParseIdentities(payload, identities.size());
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, identities);
}

TEST(Identities, AreEmptyWhenNoKeyCanHaveThem) {
  Bytes payload;
  AppendIdentity(Bytes(kMaxIdentityBytes + 1, 'a'), payload);
  AppendIdentity(Bytes(70'000, 'a'), payload);
  const auto parsed = ParseIdentities(payload, 2);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, (std::vector<Bytes>{{}, {}}));
}

TEST(Identities, RefuseAnyOtherForm) {
  Bytes payload;
  AppendIdentity(Bytes{'a', 'b'}, payload);
  AppendIdentity(Bytes{'c'}, payload);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    EXPECT_FALSE(ParseIdentities(ByteView(payload).first(size), 2).ok());
  }
  EXPECT_FALSE(ParseIdentities(payload, 1).ok());
  EXPECT_FALSE(ParseIdentities(payload, 3).ok());
  Bytes long_one = {0x10, 0x00};  // 4096
  long_one.resize(2 + 4096);
  EXPECT_FALSE(ParseIdentities(long_one, 1).ok());
}

TEST(Identities, KeepTheirHash) {
  for (const HashAlgorithm hash :
       {HashAlgorithm::kSha256, HashAlgorithm::kSha384}) {
    EXPECT_TRUE(Valid(ToWire(hash)));
    EXPECT_EQ(FromWire(ToWire(hash)), hash);
  }
  EXPECT_FALSE(Valid(WirePskHash::kNone));
  EXPECT_FALSE(Valid(WirePskHash{3}));
}

}  // namespace
}  // namespace ktlsd::agent
