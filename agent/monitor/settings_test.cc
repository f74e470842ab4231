#include "agent/monitor/settings.h"

#include <gtest/gtest.h>

namespace ktlsd::agent {
namespace {

using enum Consumer;

Profile Make(std::string name, Side side, std::optional<Consumer> consumer = {},
             std::vector<std::string_view> patterns = {}) {
  Profile profile{std::move(name), side, consumer, {}, {}};
  for (const std::string_view pattern : patterns) {
    profile.match.push_back(*PeerPattern::Parse(pattern));
  }
  return profile;
}

class ChooseProfileTest : public ::testing::Test {
 protected:
  std::string Choose(Side side, Consumer consumer, const std::string& peer) {
    const Profile* chosen =
        ChooseProfile(profiles_, side, consumer, NamedPeer(peer));
    return chosen == nullptr ? "none" : chosen->name;
  }

  std::vector<Profile> profiles_ = {
      Make("client", Side::kClient),
      Make("server", Side::kServer),
      Make("host", Side::kClient, kNfsClient, {"a.b.org"}),
      Make("domain", Side::kClient, kNfsClient, {"*.b.org", "10.0.0.0/8"}),
      Make("org", Side::kClient, kNfsClient, {"*.org"}),
      Make("nfs", Side::kClient, kNfsClient),
      Make("clients", Side::kServer, kNfsd, {"10.0.0.0/8"}),
      Make("one", Side::kServer, kNfsd, {"10.0.0.7", "192.0.2.0/24"}),
  };
};

TEST_F(ChooseProfileTest, TakesTheMostSpecificOne) {
  EXPECT_EQ(Choose(Side::kClient, kNfsClient, "a.b.org"), "host");
  EXPECT_EQ(Choose(Side::kClient, kNfsClient, "c.b.org"), "domain");
  EXPECT_EQ(Choose(Side::kClient, kNfsClient, "b.org"), "org");
  EXPECT_EQ(Choose(Side::kClient, kNfsClient, "10.0.0.7"), "domain");
  EXPECT_EQ(Choose(Side::kClient, kNfsClient, "a.net"), "nfs");
  EXPECT_EQ(Choose(Side::kServer, kNfsd, "10.0.0.8"), "clients");
  EXPECT_EQ(Choose(Side::kServer, kNfsd, "10.0.0.7"), "one");
  EXPECT_EQ(Choose(Side::kServer, kNfsd, "192.0.2.9"), "one");
}

TEST_F(ChooseProfileTest, TakesTheGeneralOneForTheRest) {
  EXPECT_EQ(Choose(Side::kServer, kNfsd, "198.51.100.1"), "server");
  EXPECT_EQ(Choose(Side::kServer, kNfsd, ""), "server");
  EXPECT_EQ(Choose(Side::kServer, kUnknown, "10.0.0.7"), "server");
  EXPECT_EQ(Choose(Side::kClient, kNvmeHost, "10.0.0.7"), "client");
  profiles_.clear();
  EXPECT_EQ(Choose(Side::kClient, kNfsClient, "a.b.org"), "none");
}

}  // namespace
}  // namespace ktlsd::agent
