// Keys in tokens: a keeper opens them as it starts, and never later.
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "agent/config/config.h"
#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/monitor/resources.h"
#include "agent/monitor/testing/world.h"
#include "agent/sandbox/process_role.h"
#include "base/error_codes.h"

namespace ktlsd::agent {
namespace {

constexpr char kOld[] = "pkcs11:object=a";
constexpr char kNew[] = "pkcs11:object=b";

class TokenResourcesTest : public World {
 protected:
  TokenResourcesTest() { StartServices(); }
  const SideSettings& server() const { return resources_.side(Side::kServer); }
  Config WithKey(const std::string& url) {
    Config config = GoodConfig();
    config.server.private_key = url;
    return config;
  }
  // Returns the URLs that the next keeper was told to open.
  std::string ReplaceKeeper() {
    switchboard_.LoseKeeper();
    switchboard_.AddKeeper(PlayedBy(keeper_, ends_));
    const auto open = Next<OpenTokens, std::variant<OpenTokens>>(*keeper_);
    return open.has_value() ? std::string(payload_.begin(), payload_.end())
                            : "";
  }
  void ServeWithOldKey() {
    resources_.Reload(WithKey(kOld));
    ReplaceKeeper();
    LoadAll();
    ASSERT_TRUE(server().sound());
  }
  // All but the key in a token that cannot be opened.
  void LoadAllBut(const std::string& url) {
    while (auto load = Next<LoadCredential, ToKeeper>(*keeper_)) {
      const bool bad = std::string(payload_.begin(), payload_.end()) == url;
      CredentialLoaded loaded;
      loaded.id = load->id;
      loaded.outcome = bad ? Outcome::Failure(Code::kPrivateKeyUnusable)
                           : Outcome::Success();
      EXPECT_TRUE(keeper_->Send(loaded).ok());
    }
    LoadAll();
  }
};

TEST_F(TokenResourcesTest, HasThemLoadedByAKeeperThatOpenedThem) {
  resources_.Reload(GoodConfig());
  LoadAll();
  EXPECT_EQ(resources_.keeper_role(), ProcessRole::kKeeper);
  Config config = GoodConfig();
  config.server.private_key = "pkcs11:object=b";
  config.client.private_key = "handle:0x81000001";

  resources_.Reload(config);

  // Nothing is loaded before the keeper is another one.
  EXPECT_EQ(resources_.keeper_role(), ProcessRole::kTokenKeeper);
  EXPECT_TRUE(resources_.keeper_outdated());
  EXPECT_FALSE((Next<LoadCredential, ToKeeper>(*keeper_).has_value()));
  switchboard_.LoseKeeper();
  EXPECT_FALSE(resources_.keeper_outdated());
  switchboard_.AddKeeper(PlayedBy(keeper_, ends_));
  EXPECT_FALSE(resources_.keeper_outdated());
  const auto open =
      Next<OpenTokens, std::variant<OpenTokens, LoadCredential>>(*keeper_);
  ASSERT_TRUE(open.has_value());
  EXPECT_EQ(open->count, 2U);
  EXPECT_EQ(std::string(payload_.begin(), payload_.end()),
            "handle:0x81000001\npkcs11:object=b\n");
  ASSERT_TRUE((Next<LoadCredential, ToKeeper>(*keeper_).has_value()));
  EXPECT_EQ(descriptors_, 1U);
  EXPECT_EQ(std::string(payload_.begin(), payload_.end()), "handle:0x81000001");
  ASSERT_TRUE((Next<LoadCredential, ToKeeper>(*keeper_).has_value()));
  EXPECT_EQ(std::string(payload_.begin(), payload_.end()), "pkcs11:object=b");
}

TEST_F(TokenResourcesTest, GoesBackToAKeeperWithoutTokens) {
  Config config = GoodConfig();
  config.server.private_key = "pkcs11:object=b";
  resources_.Reload(config);
  switchboard_.LoseKeeper();
  switchboard_.AddKeeper(PlayedBy(keeper_, ends_));
  EXPECT_FALSE(resources_.keeper_outdated());

  resources_.Reload(GoodConfig());

  EXPECT_TRUE(resources_.keeper_outdated());
  EXPECT_EQ(resources_.keeper_role(), ProcessRole::kKeeper);
}

TEST_F(TokenResourcesTest, LogsNoPinOfAToken) {
  Config config = GoodConfig();
  config.server.private_key = "pkcs11:object=b?pin-value=1234";
  resources_.Reload(config);
  switchboard_.LoseKeeper();
  switchboard_.AddKeeper(PlayedBy(keeper_, ends_));
  Next<OpenTokens, std::variant<OpenTokens>>(*keeper_);
  LoadAll(Outcome::Failure(Code::kPrivateKeyUnusable));

  EXPECT_EQ(log_.Count("code=private_key_unusable", "pin-value="), 1);
  EXPECT_EQ(log_.Count("1234"), 0) << log_.All();
}

TEST_F(TokenResourcesTest, TellsAKeeperOfOneUrlALine) {
  Config config = GoodConfig();
  config.server.private_key = "pkcs11:object=b\npkcs11:object=c";
  resources_.Reload(config);

  EXPECT_FALSE(resources_.keeper_outdated());
}

// With the keeper all that serves is lost; the old token's key is had again.
TEST_F(TokenResourcesTest, KeepsTheOldTokenWhenTheNewCannotBeUsed) {
  ServeWithOldKey();

  resources_.Reload(WithKey(kNew));
  EXPECT_TRUE(resources_.keeper_outdated());
  EXPECT_EQ(ReplaceKeeper(), std::string(kNew) + "\n" + kOld + "\n");
  LoadAllBut(kNew);

  EXPECT_TRUE(server().sound());
  EXPECT_EQ(log_.Count("code=private_key_unusable", "side=server",
                       "the old settings stay in use"),
            1)
      << log_.All();
  EXPECT_FALSE(resources_.keeper_outdated());
}

TEST_F(TokenResourcesTest, KeepsFilesWhenATokenCannotBeUsed) {
  resources_.Reload(GoodConfig());
  LoadAll();

  resources_.Reload(WithKey(kNew));
  EXPECT_EQ(ReplaceKeeper(), std::string(kNew) + "\n");
  LoadAllBut(kNew);

  EXPECT_TRUE(server().sound());
  EXPECT_TRUE(resources_.side(Side::kClient).sound());
  EXPECT_EQ(log_.Count("the old settings stay in use"), 1) << log_.All();
}

// It also serves on when the keeper dies later.
TEST_F(TokenResourcesTest, KeepsTheOldTokenBeyondALaterKeepersDeath) {
  ServeWithOldKey();
  resources_.Reload(WithKey(kNew));
  ReplaceKeeper();
  LoadAllBut(kNew);
  ASSERT_TRUE(server().sound());

  EXPECT_EQ(ReplaceKeeper(), std::string(kNew) + "\n" + kOld + "\n");
  EXPECT_FALSE(server().settled());
  LoadAllBut(kNew);
  EXPECT_TRUE(server().sound());
}

// Whoever waited for the new key is served by that keeper; the old key is
// forgotten, and not opened by the next one.
TEST_F(TokenResourcesTest, LeavesTheOldTokenWhenTheNewServes) {
  ServeWithOldKey();

  resources_.Reload(WithKey(kNew));
  ReplaceKeeper();
  LoadAll();
  EXPECT_TRUE(server().sound());
  EXPECT_FALSE(resources_.keeper_outdated());
  EXPECT_EQ(ReplaceKeeper(), std::string(kNew) + "\n");
  LoadAll();
  EXPECT_TRUE(server().sound());
}

}  // namespace
}  // namespace ktlsd::agent
