// Settings of C programs beyond the usual ones: several certificates, OCSP
// responses, required ALPN, the profile of RPC-over-TLS.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/testing/c_pair.h"
#include "handshake/testing/test_ocsp.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {
namespace {

constexpr uint16_t kEd25519 = 0x0807;
constexpr uint16_t kEcdsaP256 = 0x0403;

const CPki& Pki() {
  static const CPki pki;
  return pki;
}

// Another end entity of the same intermediate, with a key of another kind.
struct Second {
  explicit Second(KeyKind kind, const std::string& purpose = "serverAuth")
      : certificate(
            Pki().pki.intermediate.Issue({.common_name = "second",
                                          .key = kind,
                                          .dns = {"server.example"},
                                          .extended_key_usage = purpose})),
        chain(Pki().pki.ChainPemOf(certificate)),
        key(certificate.key_pem()) {}

  int SetIn(ktlsd_config* config) const {
    return ktlsd_config_set_certificate_pem(config, chain.data(), chain.size(),
                                            key.data(), key.size());
  }
  int AddTo(ktlsd_config* config) const {
    return ktlsd_config_add_certificate_pem(config, chain.data(), chain.size(),
                                            key.data(), key.size());
  }

  TestCertificate certificate;
  std::string chain;
  std::string key;
};

class Settings : public testing::Test {
 protected:
  ktlsd_config* client() { return client_config_.get(); }
  ktlsd_config* server() { return server_config_.get(); }

  void Handshake() {
    client_engine_ = NewEngine(client());
    if (!server_engine_) {
      server_engine_ = NewEngine(server());
    }
    ASSERT_TRUE(client_engine_ && server_engine_);
    client_.engine = client_engine_.get();
    server_.engine = server_engine_.get();
    for (ktlsd_engine* engine : {client_.engine, server_.engine}) {
      ASSERT_EQ(ktlsd_engine_set_time(engine, kTestNow.time_since_epoch() /
                                                  std::chrono::seconds(1)),
                KTLSD_OK);
    }
    client_.code = server_.code = KTLSD_OK;
    Connect(client_, server_);
  }

  // The end entity that the client was shown.
  Bytes Shown() const {
    const uint8_t* der = nullptr;
    std::size_t length = 0;
    EXPECT_EQ(ktlsd_engine_peer_certificate(client_.engine, 0, &der, &length),
              KTLSD_OK);
    return {der, der + length};
  }

  ConfigPtr client_config_ = NewClientConfig(Pki());
  ConfigPtr server_config_ = NewServerConfig(Pki(), KTLSD_CLIENT_AUTH_NONE);
  EnginePtr client_engine_;
  EnginePtr server_engine_;
  CEnd client_;
  CEnd server_;
};

TEST_F(Settings, ShowsTheFirstOfSeveralCertificates) {
  const Second second(KeyKind::kEd25519);
  ASSERT_EQ(second.AddTo(server()), KTLSD_OK);
  Handshake();
  ASSERT_TRUE(client_.done() && server_.done());
  EXPECT_EQ(Shown(), Pki().pki.server.der());
}

TEST_F(Settings, PutsOneCertificateInPlaceOfAll) {
  const Second second(KeyKind::kEd25519);
  const Second third(KeyKind::kEcdsaP384);
  ASSERT_EQ(second.AddTo(server()), KTLSD_OK);
  ASSERT_EQ(third.SetIn(server()), KTLSD_OK);
  Handshake();
  ASSERT_TRUE(client_.done() && server_.done());
  EXPECT_EQ(Shown(), third.certificate.der());
}

TEST_F(Settings, HasUpToSixteenCertificates) {
  const Second second(KeyKind::kEd25519);
  for (int count = 1; count < 16; ++count) {
    ASSERT_EQ(second.AddTo(server()), KTLSD_OK);
  }
  EXPECT_EQ(second.AddTo(server()), KTLSD_CONFIG_UNUSABLE);
  Handshake();
  EXPECT_TRUE(client_.done() && server_.done());
}

// A client's first flight in which the scheme `gone` became one that nobody
// knows: it ends in an error once the client sees the server's answer, but the
// server chooses by it.
Bytes HelloWithout(uint16_t gone, const ktlsd_config* config) {
  const EnginePtr engine = NewEngine(config);
  int wait = 0;
  std::size_t bytes = 0;
  const uint8_t* data = nullptr;
  EXPECT_EQ(ktlsd_engine_step(engine.get(), &wait, &bytes), KTLSD_OK);
  EXPECT_EQ(ktlsd_engine_output(engine.get(), &data, &bytes), KTLSD_OK);
  Bytes hello(data, data + bytes);
  // The head of signature_algorithms: its type, then two lengths.
  const std::array<uint8_t, 2> type = {0x00, 0x0d};
  const std::array<uint8_t, 2> scheme = {static_cast<uint8_t>(gone >> 8),
                                         static_cast<uint8_t>(gone)};
  auto at = std::ranges::search(hello, type).begin();
  for (; at != hello.end();
       at = std::search(at + 1, hello.end(), type.begin(), type.end())) {
    const std::ptrdiff_t list = at[4] << 8 | at[5];
    const auto end = at + 6 + list;
    const bool whole = (at[2] << 8 | at[3]) == list + 2;
    const auto found =
        whole ? std::search(at + 6, end, scheme.begin(), scheme.end()) : end;
    if (found != end) {
      *found = 0xfe;
      return hello;
    }
  }
  ADD_FAILURE() << "no such scheme in the hello";
  return hello;
}

// Gives all of `bytes` to `engine` and drops its output; what it waits for
// then.
int Feed(ktlsd_engine* engine, const Bytes& bytes) {
  int wait = 0;
  std::size_t wanted = 0;
  std::size_t given = 0;
  for (;;) {
    EXPECT_EQ(ktlsd_engine_step(engine, &wait, &wanted), KTLSD_OK);
    if (wait == KTLSD_WANT_WRITE) {
      EXPECT_EQ(ktlsd_engine_written(engine, wanted), KTLSD_OK);
      continue;
    }
    if (wait != KTLSD_WANT_READ || given == bytes.size()) {
      return wait;
    }
    const std::size_t count = std::min(wanted, bytes.size() - given);
    EXPECT_EQ(ktlsd_engine_feed(engine, bytes.data() + given, count), KTLSD_OK);
    given += count;
  }
}

struct ToSign {
  std::size_t certificate = 99;
  uint16_t scheme = 0;
};

// What the server must sign for a client without the scheme `gone`.
ToSign Asked(const ktlsd_config* server, const Bytes& hello) {
  const EnginePtr engine = NewEngine(server);
  ToSign asked;
  EXPECT_EQ(Feed(engine.get(), hello), KTLSD_WANT_SIGNATURE);
  const uint8_t* content = nullptr;
  std::size_t length = 0;
  EXPECT_EQ(ktlsd_engine_to_sign(engine.get(), &asked.certificate,
                                 &asked.scheme, &content, &length),
            KTLSD_OK);
  return asked;
}

TEST_F(Settings, SaysWhichCertificateToSignFor) {
  const Second better(KeyKind::kEd25519);
  ASSERT_EQ(
      ktlsd_config_set_certificate_external(server(), better.chain.data(),
                                            better.chain.size(), &kEd25519, 1),
      KTLSD_OK);
  ASSERT_EQ(ktlsd_config_add_certificate_external(
                server(), Pki().server_chain.data(), Pki().server_chain.size(),
                &kEcdsaP256, 1),
            KTLSD_OK);
  const ToSign first = Asked(server(), HelloWithout(kEcdsaP256, client()));
  EXPECT_EQ(first.certificate, 0u);
  EXPECT_EQ(first.scheme, kEd25519);
  const ToSign second = Asked(server(), HelloWithout(kEd25519, client()));
  EXPECT_EQ(second.certificate, 1u);
  EXPECT_EQ(second.scheme, kEcdsaP256);
}

TEST_F(Settings, MaySignForOneCertificateAndHaveTheProgramSignForAnother) {
  const Second better(KeyKind::kEd25519);
  ASSERT_EQ(better.SetIn(server()), KTLSD_OK);
  ASSERT_EQ(ktlsd_config_add_certificate_external(
                server(), Pki().server_chain.data(), Pki().server_chain.size(),
                &kEcdsaP256, 1),
            KTLSD_OK);
  const EnginePtr local = NewEngine(server());
  EXPECT_EQ(Feed(local.get(), HelloWithout(kEcdsaP256, client())),
            KTLSD_WANT_READ);
  EXPECT_EQ(Asked(server(), HelloWithout(kEd25519, client())).certificate, 1u);
}

class Stapled : public Settings {
 protected:
  static Bytes Response(OcspStatus status = OcspStatus::kGood) {
    return OcspResponse({.statements = {{.subject = &Pki().pki.server,
                                         .issuer = &Pki().pki.intermediate,
                                         .status = status}},
                         .signer = &Pki().pki.intermediate});
  }
  int Staple(const Bytes& response) {
    return ktlsd_config_set_ocsp_response(server(), 0, response.data(),
                                          response.size());
  }
  int Request(int level) { return ktlsd_config_request_ocsp(client(), level); }
  // The response that the client got; empty without.
  Bytes Got() const {
    const uint8_t* der = nullptr;
    std::size_t length = 0;
    const int code =
        ktlsd_engine_peer_ocsp_response(client_.engine, &der, &length);
    EXPECT_TRUE(code == KTLSD_OK || code == KTLSD_END);
    return code == KTLSD_OK ? Bytes(der, der + length) : Bytes();
  }
};

TEST_F(Stapled, ComesWhenItIsAskedFor) {
  const Bytes response = Response();
  ASSERT_EQ(Staple(response), KTLSD_OK);
  ASSERT_EQ(Request(KTLSD_OCSP_REQUIRE), KTLSD_OK);
  Handshake();
  ASSERT_TRUE(client_.done() && server_.done());
  EXPECT_EQ(Got(), response);
}

TEST_F(Stapled, DoesNotComeUnasked) {
  ASSERT_EQ(Staple(Response()), KTLSD_OK);
  Handshake();
  ASSERT_TRUE(client_.done() && server_.done());
  EXPECT_EQ(Got(), Bytes());
}

TEST_F(Stapled, MayBeMissingUnlessRequired) {
  ASSERT_EQ(Request(KTLSD_OCSP_ASK), KTLSD_OK);
  Handshake();
  ASSERT_TRUE(client_.done() && server_.done());
  ASSERT_EQ(Request(KTLSD_OCSP_REQUIRE), KTLSD_OK);
  server_engine_.reset();
  Handshake();
  EXPECT_EQ(client_.code, KTLSD_OCSP_RESPONSE_MISSING);
}

TEST_F(Stapled, RefusesARevokedServer) {
  ASSERT_EQ(Staple(Response(OcspStatus::kRevoked)), KTLSD_OK);
  ASSERT_EQ(Request(KTLSD_OCSP_ASK), KTLSD_OK);
  Handshake();
  EXPECT_EQ(client_.code, KTLSD_CERTIFICATE_REVOKED);
}

TEST_F(Stapled, IsThereForAVerifierOfTheProgram) {
  const Bytes response = Response();
  ASSERT_EQ(ktlsd_config_set_verifier_external(client()), KTLSD_OK);
  ASSERT_EQ(Request(KTLSD_OCSP_REQUIRE), KTLSD_OK);
  Bytes seen;
  client_.answer = [&](int) {
    seen = Got();
    return ktlsd_engine_accept_peer(client_.engine);
  };
  Handshake();
  EXPECT_EQ(client_.code, KTLSD_OCSP_RESPONSE_MISSING);
  ASSERT_EQ(Staple(response), KTLSD_OK);
  server_engine_.reset();
  Handshake();
  ASSERT_TRUE(client_.done() && server_.done());
  EXPECT_EQ(seen, response);
}

TEST_F(Stapled, RefusesWhatCannotBeUsed) {
  const Bytes response = Response();
  EXPECT_EQ(ktlsd_config_set_ocsp_response(server(), 1, response.data(),
                                           response.size()),
            KTLSD_CONFIG_UNUSABLE);
  EXPECT_EQ(Staple(Bytes(1, 0)), KTLSD_OK);  // not looked into
  const Bytes most(32769, 0);
  EXPECT_EQ(Staple(most), KTLSD_CONFIG_UNUSABLE);
  EXPECT_EQ(ktlsd_config_set_ocsp_response(server(), 0, most.data(), 0),
            KTLSD_CONFIG_UNUSABLE);
  EXPECT_EQ(ktlsd_config_set_ocsp_response(server(), 0, most.data(), 32768),
            KTLSD_OK);
  EXPECT_EQ(Request(3), KTLSD_API_MISUSE);
}

TEST_F(Stapled, OfTheGreatestLengthReachesItsClient) {
  const Bytes most(32768, 0x30);
  ASSERT_EQ(Staple(most), KTLSD_OK);
  ASSERT_EQ(ktlsd_config_set_verifier_external(client()), KTLSD_OK);
  ASSERT_EQ(Request(KTLSD_OCSP_ASK), KTLSD_OK);
  client_.answer = [&](int) {
    return ktlsd_engine_accept_peer(client_.engine);
  };
  Handshake();
  ASSERT_TRUE(client_.done() && server_.done());
  EXPECT_EQ(Got(), most);
}

TEST_F(Settings, RefusesAPeerWithoutTheRequiredProtocol) {
  ASSERT_EQ(ktlsd_config_add_alpn(server(), "files", 5), KTLSD_OK);
  Handshake();
  ASSERT_TRUE(client_.done() && server_.done());
  ASSERT_EQ(ktlsd_config_require_alpn(server(), 1), KTLSD_OK);
  server_engine_.reset();
  Handshake();
  EXPECT_EQ(server_.code, KTLSD_NO_APPLICATION_PROTOCOL);
  EXPECT_EQ(client_.code, KTLSD_ALERT_RECEIVED);
}

TEST_F(Settings, RefusesAServerThatChoosesNoProtocol) {
  ASSERT_EQ(ktlsd_config_add_alpn(client(), "files", 5), KTLSD_OK);
  ASSERT_EQ(ktlsd_config_require_alpn(client(), 1), KTLSD_OK);
  Handshake();
  EXPECT_EQ(client_.code, KTLSD_NO_APPLICATION_PROTOCOL);
  ASSERT_EQ(ktlsd_config_require_alpn(client(), 0), KTLSD_OK);
  server_engine_.reset();
  Handshake();
  EXPECT_TRUE(client_.done() && server_.done());
}

TEST_F(Settings, AsksForTheKeyPurposeOfRpc) {
  ASSERT_EQ(ktlsd_config_set_profile(client(), KTLSD_PROFILE_RPC), KTLSD_OK);
  Handshake();
  EXPECT_EQ(client_.code, KTLSD_CERTIFICATE_WRONG_PURPOSE);
  const Second rpc(KeyKind::kEcdsaP256, "serverAuth,1.3.6.1.5.5.7.3.34");
  ASSERT_EQ(rpc.SetIn(server()), KTLSD_OK);
  server_engine_.reset();
  Handshake();
  EXPECT_TRUE(client_.done() && server_.done());
  EXPECT_EQ(ktlsd_config_set_profile(client(), 2), KTLSD_API_MISUSE);
}

TEST_F(Settings, OfTheOtherRoleAreRefused) {
  EXPECT_EQ(ktlsd_config_set_server_name(server(), "server.example"),
            KTLSD_API_MISUSE);
  EXPECT_EQ(ktlsd_config_request_ocsp(server(), KTLSD_OCSP_ASK),
            KTLSD_API_MISUSE);
  EXPECT_EQ(ktlsd_config_set_client_auth(client(), KTLSD_CLIENT_AUTH_REQUIRE),
            KTLSD_API_MISUSE);
  EXPECT_EQ(ktlsd_config_set_ocsp_response(client(), 0, "x", 1),
            KTLSD_API_MISUSE);
  Handshake();
  EXPECT_TRUE(client_.done() && server_.done());
}

TEST_F(Settings, AreRefusedWhereTheyWouldDoNothing) {
  const auto made = [](const ktlsd_config* config) {
    ktlsd_engine* engine = nullptr;
    const int code = ktlsd_engine_new(config, &engine);
    ktlsd_engine_free(engine);
    return code;
  };
  ASSERT_EQ(ktlsd_config_require_alpn(server(), 1), KTLSD_OK);
  EXPECT_EQ(made(server()), KTLSD_CONFIG_UNUSABLE);
  ASSERT_EQ(ktlsd_config_set_profile(client(), KTLSD_PROFILE_RPC), KTLSD_OK);
  EXPECT_EQ(made(client()), KTLSD_OK);
  ASSERT_EQ(ktlsd_config_set_verifier_external(client()), KTLSD_OK);
  EXPECT_EQ(made(client()), KTLSD_CONFIG_UNUSABLE);
  ktlsd_config* raw = nullptr;
  ASSERT_EQ(ktlsd_config_new_client(&raw), KTLSD_OK);
  const ConfigPtr psk(raw);
  ASSERT_EQ(ktlsd_config_add_psk(raw, "mine", 4, "key", 3, 0), KTLSD_OK);
  EXPECT_EQ(made(raw), KTLSD_OK);
  ASSERT_EQ(ktlsd_config_request_ocsp(raw, KTLSD_OCSP_ASK), KTLSD_OK);
  EXPECT_EQ(made(raw), KTLSD_CONFIG_UNUSABLE);
}

}  // namespace
}  // namespace ktlsd::handshake
