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
  std::string Choose(Side side, Consumer consumer, const std::string& peer,
                     const std::string& netns = "") {
    const Profile* chosen =
        ChooseProfile(profiles_, {netns, side, consumer, NamedPeer(peer)});
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

TEST_F(ChooseProfileTest, TakesNothingOfTheHostsForAnotherNetns) {
  EXPECT_EQ(Choose(Side::kClient, kNfsClient, "a.b.org", "blue"), "none");
}

TEST_F(ChooseProfileTest, TakesTheFirstThatNamesTheNetns) {
  for (const auto& [name, pattern] :
       {std::pair{"blue", "blue"}, {"any", "*"}, {"late", "b*"}}) {
    Profile profile = Make(name, Side::kClient);
    profile.netns = {"absent", pattern};
    profiles_.push_back(profile);
  }
  EXPECT_EQ(Choose(Side::kClient, kNfsClient, "a.b.org", "blue"), "blue");
  EXPECT_EQ(Choose(Side::kClient, kNfsClient, "a.b.org", "black"), "any");
  EXPECT_EQ(Choose(Side::kServer, kNfsd, "10.0.0.7", "blue"), "none");
  // And none of them for the daemon's own.
  EXPECT_EQ(Choose(Side::kClient, kNfsClient, "x.y", ""), "nfs");
}

}  // namespace
}  // namespace ktlsd::agent
