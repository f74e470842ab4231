#include "agent/ipc/chain.h"

#include <vector>

#include "base/bytes.h"
#include "gtest/gtest.h"

namespace ktlsd::agent {
namespace {

const std::vector<Bytes> kChain = {{1, 2, 3}, {4}};

TEST(Chain, ComesBackAsItWas) {
  Bytes payload;
  AppendChain(kChain, payload);
  const auto parsed = ParseChain(payload, 2);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, kChain);
}

TEST(Chain, RefusesEveryCut) {
  Bytes payload;
  AppendChain(kChain, payload);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    EXPECT_FALSE(ParseChain(ByteView(payload).first(size), 2).ok()) << size;
  }
}

TEST(Chain, RefusesMoreThanWasAnnounced) {
  Bytes payload;
  AppendChain(kChain, payload);
  EXPECT_FALSE(ParseChain(payload, 1).ok());
}

TEST(Chain, RefusesAnEmptyCertificate) {
  EXPECT_FALSE(ParseChain(Bytes{0, 0, 0}, 1).ok());
}

}  // namespace
}  // namespace ktlsd::agent
