// What an acceptor of a C program sees of a ClientHello, and decides by it.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/testing/c_pair.h"

namespace ktlsd::handshake {
namespace {

const CPki& Pki() {
  static const CPki pki;
  return pki;
}

ConfigPtr NewConfig(int (*make)(ktlsd_config**)) {
  ktlsd_config* config = nullptr;
  EXPECT_EQ(make(&config), KTLSD_OK);
  return ConfigPtr(config);
}

int AddPsk(ktlsd_config* config, std::string_view identity) {
  return ktlsd_config_add_psk(config, identity.data(), identity.size(), "key",
                              3, KTLSD_PSK_HASH_DEFAULT);
}

// An acceptor that refuses its client, after `look` at the hello.
template <typename Look>
void SeeHello(const ktlsd_config* client, Look&& look) {
  ktlsd_engine* raw = nullptr;
  ASSERT_EQ(ktlsd_engine_new_acceptor(&raw), KTLSD_OK);
  const EnginePtr acceptor(raw);
  const EnginePtr sender = NewEngine(client);
  ASSERT_TRUE(sender);
  CEnd from;
  CEnd to;
  from.engine = sender.get();
  to.engine = raw;
  int looked = 0;
  to.answer = [&](int wait) {
    EXPECT_EQ(wait, KTLSD_WANT_CONFIG);
    look(raw);
    ++looked;
    return static_cast<int>(KTLSD_API_MISUSE);  // no answer: it ends here
  };
  Connect(from, to);
  EXPECT_EQ(looked, 1);
}

TEST(Hello, SaysWhetherAResponseIsAskedFor) {
  const ConfigPtr client = NewClientConfig(Pki());
  for (const int level : {KTLSD_OCSP_NONE, KTLSD_OCSP_ASK}) {
    ASSERT_EQ(ktlsd_config_request_ocsp(client.get(), level), KTLSD_OK);
    SeeHello(client.get(), [&](const ktlsd_engine* acceptor) {
      int asked = -1;
      EXPECT_EQ(ktlsd_hello_status_request(acceptor, &asked), KTLSD_OK);
      EXPECT_EQ(asked, level);
      const uint8_t* identity = nullptr;
      std::size_t length = 0;
      EXPECT_EQ(ktlsd_hello_psk_identity(acceptor, 0, &identity, &length),
                KTLSD_END);
    });
  }
  int asked = -1;
  EXPECT_EQ(ktlsd_hello_status_request(NewEngine(client.get()).get(), &asked),
            KTLSD_API_MISUSE);
}

TEST(Hello, NamesTheOfferedPsks) {
  const std::array<std::string, 2> names = {"one", std::string("t\0o", 3)};
  const ConfigPtr client = NewConfig(ktlsd_config_new_client);
  for (const std::string& name : names) {
    ASSERT_EQ(AddPsk(client.get(), name), KTLSD_OK);
  }
  SeeHello(client.get(), [&](const ktlsd_engine* acceptor) {
    const uint8_t* data = nullptr;
    std::size_t length = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
      ASSERT_EQ(ktlsd_hello_psk_identity(acceptor, i, &data, &length),
                KTLSD_OK);
      EXPECT_EQ(std::string(data, data + length), names[i]);
    }
    EXPECT_EQ(ktlsd_hello_psk_identity(acceptor, 2, &data, &length), KTLSD_END);
  });
}

// A server with a configuration for each kind of client.
class Chooser : public testing::Test {
 protected:
  Chooser() {
    EXPECT_EQ(AddPsk(for_psk_.get(), "mine"), KTLSD_OK);
    EXPECT_EQ(ktlsd_config_add_alpn(for_files_.get(), "files", 5), KTLSD_OK);
    EXPECT_EQ(ktlsd_config_require_alpn(for_files_.get(), 1), KTLSD_OK);
  }

  // By the client's PSK, else by its protocol.
  const ktlsd_config* Choose(const ktlsd_engine* acceptor) const {
    const uint8_t* data = nullptr;
    std::size_t length = 0;
    if (ktlsd_hello_psk_identity(acceptor, 0, &data, &length) == KTLSD_OK) {
      return for_psk_.get();
    }
    return ktlsd_hello_alpn(acceptor, 0, &data, &length) == KTLSD_OK
               ? for_files_.get()
               : for_anybody_.get();
  }

  void Handshake(const ktlsd_config* client) {
    ktlsd_engine* acceptor = nullptr;
    ASSERT_EQ(ktlsd_engine_new_acceptor(&acceptor), KTLSD_OK);
    server_engine_.reset(acceptor);
    client_engine_ = NewEngine(client);
    ASSERT_TRUE(client_engine_);
    client_ = CEnd{.engine = client_engine_.get()};
    server_ = CEnd{.engine = acceptor};
    server_.answer = [this](int wait) {
      EXPECT_EQ(wait, KTLSD_WANT_CONFIG);
      return ktlsd_engine_configure(server_.engine, Choose(server_.engine));
    };
    Connect(client_, server_);
  }

  // Whether the server verified a certificate of the client.
  bool Verified() const {
    int verified = -1;
    EXPECT_EQ(ktlsd_session_peer_verified(server_.engine, &verified), KTLSD_OK);
    return verified == 1;
  }

  ConfigPtr for_psk_ = NewConfig(ktlsd_config_new_server);
  ConfigPtr for_files_ = NewServerConfig(Pki(), KTLSD_CLIENT_AUTH_REQUIRE);
  ConfigPtr for_anybody_ = NewServerConfig(Pki(), KTLSD_CLIENT_AUTH_NONE);
  EnginePtr client_engine_;
  EnginePtr server_engine_;
  CEnd client_;
  CEnd server_;
};

TEST_F(Chooser, TakesThePskOfAClientThatOffersOne) {
  const ConfigPtr client = NewConfig(ktlsd_config_new_client);
  ASSERT_EQ(AddPsk(client.get(), "mine"), KTLSD_OK);
  Handshake(client.get());
  ASSERT_TRUE(client_.done() && server_.done());
  const uint8_t* identity = nullptr;
  std::size_t length = 0;
  ASSERT_EQ(ktlsd_session_psk_identity(server_.engine, &identity, &length),
            KTLSD_OK);
  EXPECT_EQ(std::string(identity, identity + length), "mine");
}

TEST_F(Chooser, AsksForACertificateByTheProtocol) {
  const ConfigPtr client = NewClientConfig(Pki());
  Handshake(client.get());
  ASSERT_TRUE(client_.done() && server_.done());
  EXPECT_FALSE(Verified());
  ASSERT_EQ(ktlsd_config_add_alpn(client.get(), "files", 5), KTLSD_OK);
  Handshake(client.get());
  ASSERT_TRUE(client_.done() && server_.done());
  EXPECT_TRUE(Verified());
}

TEST_F(Chooser, RequiresTheProtocolOfTheChosenConfiguration) {
  const ConfigPtr client = NewClientConfig(Pki());
  ASSERT_EQ(ktlsd_config_add_alpn(client.get(), "mail", 4), KTLSD_OK);
  Handshake(client.get());
  EXPECT_EQ(server_.code, KTLSD_NO_APPLICATION_PROTOCOL);
  EXPECT_EQ(client_.code, KTLSD_ALERT_RECEIVED);
}

}  // namespace
}  // namespace ktlsd::handshake
