// PSKs of C programs.

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/testing/c_pair.h"

namespace ktlsd::handshake {
namespace {

int Add(ktlsd_config* config, std::string_view identity, std::string_view key,
        int hash = KTLSD_PSK_HASH_DEFAULT) {
  return ktlsd_config_add_psk(config, identity.data(), identity.size(),
                              key.data(), key.size(), hash);
}

ConfigPtr NewConfig(int (*make)(ktlsd_config**)) {
  ktlsd_config* config = nullptr;
  EXPECT_EQ(make(&config), KTLSD_OK);
  return ConfigPtr(config);
}

const std::string kKey(32, 'k');
const std::string kLongKey(48, 'l');

class PskPair : public testing::Test {
 protected:
  void Handshake() {
    client_engine_ = NewEngine(client_.get());
    server_engine_ = NewEngine(server_.get());
    ASSERT_TRUE(client_engine_ && server_engine_);
    client_end_.engine = client_engine_.get();
    server_end_.engine = server_engine_.get();
    Connect(client_end_, server_end_);
  }

  static std::string_view IdentityOf(const CEnd& end) {
    const uint8_t* data = nullptr;
    size_t length = 0;
    EXPECT_EQ(ktlsd_session_psk_identity(end.engine, &data, &length), KTLSD_OK);
    return {reinterpret_cast<const char*>(data), length};
  }

  ConfigPtr client_ = NewConfig(ktlsd_config_new_client);
  ConfigPtr server_ = NewConfig(ktlsd_config_new_server);
  EnginePtr client_engine_;
  EnginePtr server_engine_;
  CEnd client_end_;
  CEnd server_end_;
};

// Two hellos and a Finished, a HelloRetryRequest and a flight.
TEST_F(PskPair, SendsEachFlightInOnePieceWithARetry) {
  const std::array<uint16_t, 2> groups = {0x001d, 0x0017};
  ASSERT_EQ(ktlsd_config_set_groups(client_.get(), groups.data(), 2), KTLSD_OK);
  ASSERT_EQ(ktlsd_config_set_groups(server_.get(), &groups[1], 1), KTLSD_OK);
  ASSERT_EQ(Add(client_.get(), "mine", kKey), KTLSD_OK);
  ASSERT_EQ(Add(server_.get(), "mine", kKey), KTLSD_OK);
  Handshake();
  ASSERT_TRUE(client_end_.done()) << ktlsd_code_name(client_end_.code);
  EXPECT_EQ(client_end_.pieces, 3);
  EXPECT_EQ(server_end_.pieces, 2);
}

TEST_F(PskPair, AgreesWithoutCertificates) {
  ASSERT_EQ(Add(client_.get(), "NVMe1R02 host sub", kLongKey), KTLSD_OK);
  ASSERT_EQ(Add(client_.get(), "mine", kKey), KTLSD_OK);
  ASSERT_EQ(Add(server_.get(), "mine", kKey), KTLSD_OK);
  Handshake();
  ASSERT_TRUE(client_end_.done()) << ktlsd_code_name(client_end_.code);
  ASSERT_TRUE(server_end_.done()) << ktlsd_code_name(server_end_.code);
  EXPECT_EQ(IdentityOf(client_end_), "mine");
  EXPECT_EQ(IdentityOf(server_end_), "mine");
}

TEST_F(PskPair, IsRefusedWithAnotherKey) {
  ASSERT_EQ(Add(client_.get(), "mine", kKey), KTLSD_OK);
  ASSERT_EQ(Add(server_.get(), "mine", std::string(32, 'x')), KTLSD_OK);
  Handshake();
  EXPECT_EQ(server_end_.code, KTLSD_BAD_PSK_BINDER);
  EXPECT_EQ(client_end_.code, KTLSD_ALERT_RECEIVED);
}

TEST_F(PskPair, IsRefusedWithAnotherIdentity) {
  ASSERT_EQ(Add(client_.get(), "mine0", kKey), KTLSD_OK);
  ASSERT_EQ(Add(server_.get(), "mine", kKey), KTLSD_OK);
  Handshake();
  EXPECT_EQ(server_end_.code, KTLSD_UNKNOWN_PSK_IDENTITY);
}

TEST_F(PskPair, RefusesWhatCannotBeUsed) {
  ktlsd_config* config = client_.get();
  EXPECT_EQ(Add(config, "", kKey), KTLSD_CONFIG_UNUSABLE);
  EXPECT_EQ(Add(config, "a", ""), KTLSD_CONFIG_UNUSABLE);
  EXPECT_EQ(Add(config, "NVMe1R01 host sub", kLongKey), KTLSD_KEY_REJECTED);
  EXPECT_EQ(Add(config, "NVMe1R01 host sub", kKey, KTLSD_PSK_HASH_SHA384),
            KTLSD_KEY_REJECTED);
  EXPECT_EQ(Add(config, "a", kKey, 3), KTLSD_API_MISUSE);
  EXPECT_EQ(Add(config, "NVMe1R02 host sub", kLongKey, KTLSD_PSK_HASH_SHA256),
            KTLSD_KEY_REJECTED);
  EXPECT_EQ(Add(config, "a", kKey, KTLSD_PSK_HASH_SHA384), KTLSD_OK);
  EXPECT_EQ(Add(config, "a", kKey), KTLSD_CONFIG_UNUSABLE);
}

TEST_F(PskPair, LetsNoClientHaveACertificateToo) {
  const CPki pki;
  client_ = NewClientConfig(pki);
  ASSERT_EQ(Add(client_.get(), "mine", kKey), KTLSD_OK);
  ktlsd_engine* engine = nullptr;
  EXPECT_EQ(ktlsd_engine_new(client_.get(), &engine), KTLSD_CONFIG_UNUSABLE);
}

TEST_F(PskPair, ServesClientsByCertificateWhenTheServerHasOne) {
  const CPki pki;
  client_ = NewClientConfig(pki);
  server_ = NewServerConfig(pki, KTLSD_CLIENT_AUTH_NONE);
  ASSERT_EQ(Add(server_.get(), "mine", kKey), KTLSD_OK);
  Handshake();
  ASSERT_TRUE(client_end_.done());
  ASSERT_TRUE(server_end_.done());
  EXPECT_EQ(IdentityOf(server_end_), "");
}

class RequiringServer : public PskPair {
 protected:
  RequiringServer() {
    server_ = NewServerConfig(pki_, KTLSD_CLIENT_AUTH_REQUIRE);
    EXPECT_EQ(Add(server_.get(), "mine", kKey), KTLSD_OK);
  }
  const CPki pki_;
};

TEST_F(RequiringServer, KnowsAClientByItsPsk) {
  ASSERT_EQ(Add(client_.get(), "mine", kKey), KTLSD_OK);
  Handshake();
  ASSERT_TRUE(client_end_.done());
  ASSERT_TRUE(server_end_.done());
  EXPECT_EQ(IdentityOf(server_end_), "mine");
  int verified = -1;
  EXPECT_EQ(ktlsd_session_peer_verified(server_end_.engine, &verified),
            KTLSD_OK);
  EXPECT_EQ(verified, 0);
}

TEST_F(RequiringServer, WantsTheCertificateOfAClientWithoutPsk) {
  ASSERT_EQ(ktlsd_config_set_trust_pem(client_.get(), pki_.trust.data(),
                                       pki_.trust.size()),
            KTLSD_OK);
  ASSERT_EQ(ktlsd_config_set_server_name(client_.get(), "server.example"),
            KTLSD_OK);
  Handshake();
  EXPECT_EQ(server_end_.code, KTLSD_CERTIFICATE_REQUIRED);
}

TEST_F(PskPair, LetsNoServerWithPsksOnlyAskForCertificates) {
  ASSERT_EQ(Add(server_.get(), "mine", kKey), KTLSD_OK);
  ASSERT_NE(NewEngine(server_.get()), nullptr);
  ASSERT_EQ(
      ktlsd_config_set_client_auth(server_.get(), KTLSD_CLIENT_AUTH_REQUIRE),
      KTLSD_OK);
  ktlsd_engine* engine = nullptr;
  EXPECT_EQ(ktlsd_engine_new(server_.get(), &engine), KTLSD_CONFIG_UNUSABLE);
}

}  // namespace
}  // namespace ktlsd::handshake
