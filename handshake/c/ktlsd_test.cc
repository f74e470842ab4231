// libktlsd through its C functions, in memory: configuration, handshakes in
// both roles, every wait answered by the program, and what is known after.
#include "handshake/c/ktlsd.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "gtest/gtest.h"
#include "handshake/c/testing/c_pair.h"
#include "handshake/credential.h"
#include "handshake/crypto/digest.h"
#include "handshake/testing/test_pki.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

const CPki& Pki() {
  static const CPki pki;
  return pki;
}

class Pair : public testing::Test {
 protected:
  void SetUp() override {
    client_config_ = NewClientConfig(Pki());
    server_config_ = NewServerConfig(Pki(), KTLSD_CLIENT_AUTH_REQUIRE);
  }

  void Handshake() {
    client_engine_ = NewEngine(client_config_.get());
    if (!server_engine_) {
      server_engine_ = NewEngine(server_config_.get());
    }
    client_.engine = client_engine_.get();
    server_.engine = server_engine_.get();
    Connect(client_, server_);
  }

  std::string Export(const CEnd& end, const std::string& label,
                     std::size_t size) {
    std::string out(size, '\0');
    EXPECT_EQ(ktlsd_session_export(end.engine, label.data(), label.size(),
                                   "context", 7, out.data(), out.size()),
              KTLSD_OK);
    return out;
  }

  ConfigPtr client_config_;
  ConfigPtr server_config_;
  EnginePtr client_engine_;
  EnginePtr server_engine_;
  CEnd client_;
  CEnd server_;
};

std::string AlpnOf(const CEnd& end) {
  const uint8_t* data = nullptr;
  std::size_t length = 0;
  EXPECT_EQ(ktlsd_session_alpn(end.engine, &data, &length), KTLSD_OK);
  return {reinterpret_cast<const char*>(data), length};
}

TEST_F(Pair, AgreesOnASession) {
  for (ktlsd_config* config : {client_config_.get(), server_config_.get()}) {
    ASSERT_EQ(ktlsd_config_add_alpn(config, "other", 5), KTLSD_OK);
  }
  ASSERT_EQ(ktlsd_config_add_alpn(client_config_.get(), "files", 5), KTLSD_OK);
  Handshake();
  ASSERT_TRUE(client_.done()) << ktlsd_code_name(client_.code);
  ASSERT_TRUE(server_.done()) << ktlsd_code_name(server_.code);
  for (const CEnd* end : {&client_, &server_}) {
    uint16_t suite = 0;
    uint16_t group = 0;
    int verified = 0;
    EXPECT_EQ(ktlsd_session_suite(end->engine, &suite), KTLSD_OK);
    EXPECT_EQ(ktlsd_session_group(end->engine, &group), KTLSD_OK);
    EXPECT_EQ(ktlsd_session_peer_verified(end->engine, &verified), KTLSD_OK);
    EXPECT_EQ(suite, 0x1302);
    EXPECT_NE(group, 0);
    EXPECT_EQ(verified, 1);
    EXPECT_EQ(AlpnOf(*end), "other");
  }
  const char* subject = nullptr;
  ASSERT_EQ(ktlsd_engine_peer_subject(server_.engine, &subject), KTLSD_OK);
  EXPECT_NE(std::string(subject), "");
  const uint8_t* der = nullptr;
  std::size_t length = 0;
  EXPECT_EQ(ktlsd_engine_peer_certificate(client_.engine, 0, &der, &length),
            KTLSD_OK);
  EXPECT_EQ(Bytes(der, der + length), Pki().pki.server.der());
  EXPECT_EQ(ktlsd_engine_peer_certificate(client_.engine, 2, &der, &length),
            KTLSD_END);
}

// RFC 8446 section 2: a hello and a flight of the client's, a flight of the
// server's. TCP would hold a piece more back until the one before it was
// acknowledged.
TEST_F(Pair, SendsEachFlightInOnePiece) {
  Handshake();
  ASSERT_TRUE(client_.done() && server_.done());
  EXPECT_EQ(client_.pieces, 2);
  EXPECT_EQ(server_.pieces, 1);
}

TEST_F(Pair, ExportsTheSameOnBothSides) {
  Handshake();
  ASSERT_TRUE(client_.done() && server_.done());
  EXPECT_EQ(Export(client_, "EXPORTER-a", 80),
            Export(server_, "EXPORTER-a", 80));
  EXPECT_NE(Export(client_, "EXPORTER-a", 80),
            Export(client_, "EXPORTER-b", 80));
  EXPECT_EQ(Export(client_, std::string(249, 'l'), 8160),
            Export(server_, std::string(249, 'l'), 8160));
}

// Whoever looks at no result has no key that others could guess by mistake.
TEST_F(Pair, LeavesZerosOfAnExportThatFailed) {
  const std::string label(250, 'l');
  const auto left = [&](std::size_t label_length, const char* context,
                        std::size_t size) {
    std::string out(10000, 'x');
    EXPECT_EQ(ktlsd_session_export(client_.engine, label.data(), label_length,
                                   context, 0, out.data(), size),
              KTLSD_API_MISUSE);
    return out;
  };
  const auto zeros = [](std::size_t count) {
    return std::string(count, '\0') + std::string(10000 - count, 'x');
  };
  client_engine_ = NewEngine(client_config_.get());
  client_.engine = client_engine_.get();
  EXPECT_EQ(left(1, "", 80), zeros(80));  // before the session
  Handshake();
  ASSERT_TRUE(client_.done());
  EXPECT_EQ(left(1, "", 0), zeros(0));
  EXPECT_EQ(left(250, "", 80), zeros(80));
  EXPECT_EQ(left(1, nullptr, 80), zeros(80));
  EXPECT_EQ(left(1, "", 8161), zeros(8160));
}

TEST_F(Pair, RunsWithoutClientCertificate) {
  ASSERT_EQ(ktlsd_config_set_client_auth(server_config_.get(),
                                         KTLSD_CLIENT_AUTH_NONE),
            KTLSD_OK);
  Handshake();
  ASSERT_TRUE(client_.done() && server_.done());
  int verified = 1;
  EXPECT_EQ(ktlsd_session_peer_verified(server_.engine, &verified), KTLSD_OK);
  EXPECT_EQ(verified, 0);
  EXPECT_EQ(AlpnOf(client_), "");
}

TEST_F(Pair, TellsBothWhyItFailed) {
  ASSERT_EQ(ktlsd_config_set_server_name(client_config_.get(), "else.example"),
            KTLSD_OK);
  Handshake();
  EXPECT_EQ(client_.code, KTLSD_CERTIFICATE_NAME_MISMATCH);
  EXPECT_EQ(server_.code, KTLSD_ALERT_RECEIVED);
  uint8_t alert = 0;
  EXPECT_EQ(ktlsd_engine_peer_alert(server_.engine, &alert), KTLSD_OK);
  EXPECT_EQ(alert, 42);  // bad_certificate
  EXPECT_EQ(ktlsd_engine_peer_alert(client_.engine, &alert), KTLSD_END);
  const char* text = nullptr;
  ASSERT_EQ(ktlsd_engine_error_text(client_.engine, &text), KTLSD_OK);
  EXPECT_STRNE(text, "");
  // Nothing of a session that is none.
  uint16_t suite = 0;
  EXPECT_EQ(ktlsd_session_suite(client_.engine, &suite), KTLSD_API_MISUSE);
  EXPECT_EQ(ktlsd_engine_install(client_.engine, 0), KTLSD_API_MISUSE);
}

TEST_F(Pair, JudgesByTheTimeItIsGiven) {
  client_engine_ = NewEngine(client_config_.get());
  server_engine_ = NewEngine(server_config_.get());
  client_.engine = client_engine_.get();
  server_.engine = server_engine_.get();
  ASSERT_EQ(ktlsd_engine_set_time(client_.engine, 4102444800), KTLSD_OK);
  Connect(client_, server_);
  EXPECT_EQ(client_.code, KTLSD_CERTIFICATE_EXPIRED);
}

TEST_F(Pair, HasTheProgramSign) {
  // Stands for the program's own key store.
  const auto store = Credential::FromPem(BytesOf(Pki().server_chain),
                                         BytesOf(Pki().server_key));
  const uint16_t scheme = static_cast<uint16_t>(store->schemes().front());
  ASSERT_EQ(ktlsd_config_set_certificate_external(
                server_config_.get(), Pki().server_chain.data(),
                Pki().server_chain.size(), &scheme, 1),
            KTLSD_OK);
  server_.answer = [&](int wait) {
    EXPECT_EQ(wait, KTLSD_WANT_SIGNATURE);
    std::size_t certificate = 1;
    uint16_t asked = 0;
    const uint8_t* content = nullptr;
    std::size_t length = 0;
    EXPECT_EQ(ktlsd_engine_to_sign(server_.engine, &certificate, &asked,
                                   &content, &length),
              KTLSD_OK);
    EXPECT_EQ(certificate, 0u);
    EXPECT_EQ(asked, scheme);
    // The transcript hash is the end of the content (RFC 8446 section 4.4.3).
    const ByteView hash = ByteView(content, length).last(48);
    const auto signature = store->Sign(static_cast<SignatureScheme>(asked),
                                       Role::kServer, HashValue(hash));
    return ktlsd_engine_sign(server_.engine, signature->data(),
                             signature->size());
  };
  Handshake();
  EXPECT_TRUE(client_.done()) << ktlsd_code_name(client_.code);
  EXPECT_TRUE(server_.done()) << ktlsd_code_name(server_.code);
  EXPECT_EQ(server_.pieces, 1);
}

TEST_F(Pair, HasTheProgramJudge) {
  ASSERT_EQ(ktlsd_config_set_verifier_external(client_config_.get()), KTLSD_OK);
  client_.answer = [&](int wait) {
    EXPECT_EQ(wait, KTLSD_WANT_VERDICT);
    return ktlsd_engine_accept_peer(client_.engine);
  };
  Handshake();
  EXPECT_TRUE(client_.done() && server_.done());
}

TEST_F(Pair, IsJudgedByWhatWasSetLast) {
  ktlsd_config* const client = client_config_.get();
  ASSERT_EQ(ktlsd_config_set_verifier_external(client), KTLSD_OK);
  ASSERT_EQ(ktlsd_config_set_trust_pem(client, Pki().trust.data(),
                                       Pki().trust.size()),
            KTLSD_OK);
  Handshake();  // which nobody answers
  EXPECT_TRUE(client_.done() && server_.done());
}

TEST_F(Pair, TellsThePeerWhyTheProgramRefused) {
  ASSERT_EQ(ktlsd_config_set_verifier_external(client_config_.get()), KTLSD_OK);
  client_.answer = [&](int) {
    EXPECT_EQ(ktlsd_engine_refuse_peer(client_.engine, KTLSD_NO_MEMORY),
              KTLSD_API_MISUSE);
    return ktlsd_engine_refuse_peer(client_.engine, KTLSD_CERTIFICATE_REVOKED);
  };
  Handshake();
  EXPECT_EQ(client_.code, KTLSD_CERTIFICATE_REVOKED);
  uint8_t alert = 0;
  EXPECT_EQ(ktlsd_engine_peer_alert(server_.engine, &alert), KTLSD_OK);
  EXPECT_EQ(alert, 44);  // certificate_revoked
}

// A verifier of the program's cannot let in who does not hold the key.
TEST_F(Pair, AcceptsNobodyWithoutTheKey) {
  const uint16_t scheme = 0x0403;
  ASSERT_EQ(ktlsd_config_set_certificate_external(
                server_config_.get(), Pki().server_chain.data(),
                Pki().server_chain.size(), &scheme, 1),
            KTLSD_OK);
  server_.answer = [&](int) {
    return ktlsd_engine_sign(server_.engine, "not a signature", 15);
  };
  ASSERT_EQ(ktlsd_config_set_verifier_external(client_config_.get()), KTLSD_OK);
  client_.answer = [&](int) {
    EXPECT_EQ(ktlsd_engine_accept_peer(client_.engine),
              KTLSD_BAD_CERTIFICATE_VERIFY);
    return static_cast<int>(KTLSD_OK);
  };
  Handshake();
  EXPECT_EQ(client_.code, KTLSD_BAD_CERTIFICATE_VERIFY);
  EXPECT_EQ(server_.code, KTLSD_ALERT_RECEIVED);
}

TEST_F(Pair, ChoosesItsConfigurationFromTheHello) {
  ASSERT_EQ(ktlsd_config_add_alpn(client_config_.get(), "files", 5), KTLSD_OK);
  ktlsd_engine* acceptor = nullptr;
  ASSERT_EQ(ktlsd_engine_new_acceptor(&acceptor), KTLSD_OK);
  server_engine_.reset(acceptor);
  server_.answer = [&](int wait) {
    EXPECT_EQ(wait, KTLSD_WANT_CONFIG);
    const char* name = nullptr;
    const uint8_t* protocol = nullptr;
    std::size_t length = 0;
    EXPECT_EQ(ktlsd_hello_server_name(acceptor, &name, &length), KTLSD_OK);
    EXPECT_EQ(std::string(name, length), "server.example");
    EXPECT_EQ(ktlsd_hello_alpn(acceptor, 0, &protocol, &length), KTLSD_OK);
    EXPECT_EQ(Bytes(protocol, protocol + length),
              Bytes({'f', 'i', 'l', 'e', 's'}));
    EXPECT_EQ(ktlsd_hello_alpn(acceptor, 1, &protocol, &length), KTLSD_END);
    uint16_t number = 0;
    EXPECT_EQ(ktlsd_hello_suite(acceptor, 0, &number), KTLSD_OK);
    EXPECT_EQ(number, 0x1302);
    EXPECT_EQ(ktlsd_hello_group(acceptor, 0, &number), KTLSD_OK);
    EXPECT_EQ(ktlsd_hello_scheme(acceptor, 0, &number), KTLSD_OK);
    EXPECT_EQ(ktlsd_hello_scheme(acceptor, 1000, &number), KTLSD_END);
    EXPECT_EQ(ktlsd_engine_configure(acceptor, client_config_.get()),
              KTLSD_API_MISUSE);
    return ktlsd_engine_configure(acceptor, server_config_.get());
  };
  Handshake();
  EXPECT_TRUE(client_.done() && server_.done());
  uint16_t number = 0;
  EXPECT_EQ(ktlsd_hello_suite(acceptor, 0, &number), KTLSD_API_MISUSE);
}

TEST_F(Pair, KeepsTheConfigurationOfItsStart) {
  client_engine_ = NewEngine(client_config_.get());
  server_engine_ = NewEngine(server_config_.get());
  client_.engine = client_engine_.get();
  server_.engine = server_engine_.get();
  client_config_.reset();
  ASSERT_EQ(ktlsd_config_set_client_auth(server_config_.get(),
                                         KTLSD_CLIENT_AUTH_NONE),
            KTLSD_OK);
  Connect(client_, server_);
  int verified = 0;
  ASSERT_EQ(ktlsd_session_peer_verified(server_.engine, &verified), KTLSD_OK);
  EXPECT_EQ(verified, 1);
}

TEST_F(Pair, NegotiatesOnlyWhatIsConfigured) {
  const std::array<uint16_t, 1> suite = {0x1303};
  const std::array<uint16_t, 2> groups = {0x0017, 0x001d};
  ASSERT_EQ(ktlsd_config_set_suites(client_config_.get(), suite.data(), 1),
            KTLSD_OK);
  ASSERT_EQ(ktlsd_config_set_groups(client_config_.get(), groups.data(), 1),
            KTLSD_OK);
  Handshake();
  uint16_t number = 0;
  ASSERT_EQ(ktlsd_session_suite(server_.engine, &number), KTLSD_OK);
  EXPECT_EQ(number, 0x1303);
  ASSERT_EQ(ktlsd_session_group(server_.engine, &number), KTLSD_OK);
  EXPECT_EQ(number, 0x0017);
}

TEST_F(Pair, WantsNoMoreThanItSaidAndNoLess) {
  Handshake();
  const EnginePtr fresh = NewEngine(server_config_.get());
  int wait = 0;
  std::size_t bytes = 0;
  ASSERT_EQ(ktlsd_engine_step(fresh.get(), &wait, &bytes), KTLSD_OK);
  ASSERT_EQ(wait, KTLSD_WANT_READ);
  EXPECT_EQ(bytes, 5u);
  const std::array<uint8_t, 6> more{};
  EXPECT_EQ(ktlsd_engine_feed(fresh.get(), more.data(), more.size()),
            KTLSD_API_MISUSE);
  EXPECT_EQ(ktlsd_engine_feed(fresh.get(), more.data(), 0), KTLSD_API_MISUSE);
  EXPECT_EQ(ktlsd_engine_written(fresh.get(), 1), KTLSD_API_MISUSE);
  EXPECT_EQ(ktlsd_engine_sign(fresh.get(), "x", 1), KTLSD_API_MISUSE);
  EXPECT_EQ(ktlsd_engine_accept_peer(fresh.get()), KTLSD_API_MISUSE);
  // None of which did it any harm.
  ASSERT_EQ(ktlsd_engine_step(fresh.get(), &wait, &bytes), KTLSD_OK);
  EXPECT_EQ(wait, KTLSD_WANT_READ);
}

TEST_F(Pair, RefusesWhatCannotBeUsed) {
  ktlsd_config* client = client_config_.get();
  const uint16_t unknown = 0x9999;
  EXPECT_EQ(ktlsd_config_set_suites(client, &unknown, 1),
            KTLSD_CONFIG_UNUSABLE);
  EXPECT_EQ(ktlsd_config_set_groups(client, &unknown, 1),
            KTLSD_CONFIG_UNUSABLE);
  EXPECT_EQ(ktlsd_config_set_groups(client, &unknown, 0),
            KTLSD_CONFIG_UNUSABLE);
  EXPECT_EQ(ktlsd_config_set_client_auth(server_config_.get(), 3),
            KTLSD_API_MISUSE);
  EXPECT_EQ(ktlsd_config_add_alpn(client, "", 0), KTLSD_CONFIG_UNUSABLE);
  EXPECT_EQ(ktlsd_config_set_server_name(client, "127.1"), KTLSD_NO_PEER_NAME);
  EXPECT_EQ(ktlsd_config_set_trust_pem(client, "x", 1),
            KTLSD_TRUST_STORE_UNUSABLE);
  EXPECT_EQ(ktlsd_config_set_trust_pem_crls(client, Pki().trust.data(),
                                            Pki().trust.size(), "", 0),
            KTLSD_CRL_UNUSABLE);
  EXPECT_EQ(ktlsd_config_set_certificate_pem(
                client, Pki().server_chain.data(), Pki().server_chain.size(),
                Pki().client_key.data(), Pki().client_key.size()),
            KTLSD_PRIVATE_KEY_UNUSABLE);
  // The configuration is as it was.
  Handshake();
  EXPECT_TRUE(client_.done() && server_.done());
}

TEST(Files, AreLoaded) {
  const std::string folder = testing::TempDir();
  std::ofstream(folder + "/chain.pem") << Pki().server_chain;
  std::ofstream(folder + "/key.pem") << Pki().server_key;
  std::ofstream(folder + "/ca.pem") << Pki().trust;
  ktlsd_config* raw = nullptr;
  ASSERT_EQ(ktlsd_config_new_server(&raw), KTLSD_OK);
  const ConfigPtr config(raw);
  EXPECT_EQ(
      ktlsd_config_set_certificate_files(raw, (folder + "/chain.pem").c_str(),
                                         (folder + "/key.pem").c_str()),
      KTLSD_OK);
  EXPECT_EQ(ktlsd_config_set_trust_files(raw, (folder + "/ca.pem").c_str()),
            KTLSD_OK);
  EXPECT_NE(NewEngine(raw), nullptr);
  EXPECT_EQ(ktlsd_config_set_certificate_files(
                raw, (folder + "/chain.pem").c_str(), "/nonexistent"),
            KTLSD_PRIVATE_KEY_UNUSABLE);
  EXPECT_EQ(ktlsd_config_set_trust_files(raw, folder.c_str()),
            KTLSD_TRUST_STORE_UNUSABLE);
  EXPECT_EQ(ktlsd_config_set_trust_files_crls(raw, (folder + "/ca.pem").c_str(),
                                              "/dev/null"),
            KTLSD_CRL_UNUSABLE);
}

TEST(Engines, AreNotMadeWithoutWhatTheyNeed) {
  ktlsd_config* raw = nullptr;
  ktlsd_engine* engine = nullptr;
  ASSERT_EQ(ktlsd_config_new_server(&raw), KTLSD_OK);
  const ConfigPtr server(raw);
  EXPECT_EQ(ktlsd_engine_new(raw, &engine), KTLSD_NO_CERTIFICATE_CONFIGURED);
  ASSERT_EQ(ktlsd_config_new_client(&raw), KTLSD_OK);
  const ConfigPtr client(raw);
  EXPECT_EQ(ktlsd_engine_new(raw, &engine), KTLSD_TRUST_STORE_UNUSABLE);
  ASSERT_EQ(
      ktlsd_config_set_trust_pem(raw, Pki().trust.data(), Pki().trust.size()),
      KTLSD_OK);
  EXPECT_EQ(ktlsd_engine_new(raw, &engine), KTLSD_NO_PEER_NAME);
  EXPECT_EQ(engine, nullptr);
}

}  // namespace
}  // namespace ktlsd::handshake
