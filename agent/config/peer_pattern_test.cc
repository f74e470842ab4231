#include "agent/config/peer_pattern.h"

#include <gtest/gtest.h>

namespace ktlsd::agent {
namespace {

bool Matches(std::string_view pattern, const std::string& peer) {
  const auto parsed = PeerPattern::Parse(pattern);
  const auto name = NamedPeer(peer);
  EXPECT_TRUE(parsed.has_value()) << pattern;
  EXPECT_TRUE(name.has_value()) << peer;
  return parsed.has_value() && name.has_value() && parsed->Matches(*name);
}

TEST(PeerPattern, MatchesAName) {
  EXPECT_TRUE(Matches("nas", "nas"));
  EXPECT_TRUE(Matches("NAS.Example.org.", "nas.example.ORG"));
  EXPECT_FALSE(Matches("nas", "nas2"));
  EXPECT_FALSE(Matches("nas", "nas.example.org"));
  EXPECT_FALSE(Matches("nas", "10.0.0.1"));
}

TEST(PeerPattern, MatchesEveryNameBelowADomain) {
  EXPECT_TRUE(Matches("*.example.org", "a.example.org"));
  EXPECT_TRUE(Matches("*.example.org", "a.b.example.org"));
  EXPECT_FALSE(Matches("*.example.org", "example.org"));
  EXPECT_FALSE(Matches("*.example.org", "badexample.org"));
  EXPECT_FALSE(Matches("*.example.org", "a.example.org.evil.org"));
}

TEST(PeerPattern, MatchesAddressesByTheirPrefix) {
  EXPECT_TRUE(Matches("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(Matches("192.0.2.1", "192.0.2.2"));
  EXPECT_TRUE(Matches("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(Matches("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(Matches("192.0.2.128/25", "192.0.2.129"));
  EXPECT_FALSE(Matches("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(Matches("0.0.0.0/0", "192.0.2.1"));
  EXPECT_FALSE(Matches("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(Matches("2001:db8::/32", "2001:db8:ffff::1"));
  EXPECT_FALSE(Matches("2001:db8::/32", "2001:db9::1"));
  EXPECT_FALSE(Matches("::/0", "10.0.0.1"));
  EXPECT_FALSE(Matches("::/0", "name"));
}

// One host has one address, however a dual stack spells it.
TEST(PeerPattern, TakesMappedAddressesForIpv4) {
  EXPECT_TRUE(Matches("10.0.0.0/8", "::ffff:10.1.2.3"));
  EXPECT_TRUE(Matches("::ffff:10.0.0.0/104", "10.1.2.3"));
  EXPECT_FALSE(PeerPattern::Parse("::ffff:10.0.0.0/95").has_value());
  const auto peer = PeerAtAddress("[::ffff:10.1.2.3]:700");
  ASSERT_TRUE(peer.has_value());
  EXPECT_TRUE(PeerPattern::Parse("10.1.2.3")->Matches(*peer));
}

TEST(PeerPattern, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "*", "*.", "*.*.org", "a*.org", "*.10.0.0.1", "10.0.0.1/8",
        "10.0.0.0/33", "2001:db8::/129", "10.0.0.0/", "10.0.0.0/8/8",
        "10.0.0.0/-1", "10.0.0.0/+8", "nas/8", "10.1", "a b", "-/8",
        "2001:db8::1/64"}) {
    EXPECT_FALSE(PeerPattern::Parse(text).has_value()) << text;
  }
}

TEST(PeerPattern, IsTheMoreSpecificTheFewerPeersItMatches) {
  const auto specificity = [](std::string_view text) {
    return PeerPattern::Parse(text)->specificity();
  };
  EXPECT_GT(specificity("a.b.org"), specificity("*.b.org"));
  EXPECT_GT(specificity("*.b.org"), specificity("*.org"));
  EXPECT_GT(specificity("10.0.0.1"), specificity("10.0.0.0/31"));
  EXPECT_GT(specificity("10.0.0.0/9"), specificity("10.0.0.0/8"));
}

TEST(PeerPattern, HasOneTextForEqualOnes) {
  const auto text = [](std::string_view pattern) {
    return PeerPattern::Parse(pattern)->text();
  };
  EXPECT_EQ(text("10.0.0.1"), "10.0.0.1/32");
  EXPECT_EQ(text("::ffff:10.0.0.0/104"), "10.0.0.0/8");
  EXPECT_EQ(text("2001:DB8:0::/32"), "2001:db8::/32");
  EXPECT_EQ(text("*.Example.org."), "*.example.org");
  EXPECT_NE(text("*.example.org"), text("example.org"));
}

TEST(PeerAtAddress, ReadsTheAddressOfASocket) {
  EXPECT_EQ(PeerAtAddress("192.0.2.1:2049")->ip().size(), 4U);
  EXPECT_EQ(PeerAtAddress("[2001:db8::1]:2049")->ip().size(), 16U);
  EXPECT_FALSE(PeerAtAddress("").has_value());
  EXPECT_FALSE(PeerAtAddress("nas:2049").has_value());
}

}  // namespace
}  // namespace ktlsd::agent
