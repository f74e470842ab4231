// Memory that runs out in a program that uses libktlsd: while it loads its
// files, in handshakes by certificate and by PSK, in exporting.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/testing/c_pair.h"
#include "handshake/c/testing/failing_memory.h"
#include "handshake/testing/test_ocsp.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {
namespace {

constexpr std::size_t kRoom = 1U << 16;  // bytes of one direction

const CPki& Pki() {
  static const CPki pki;
  return pki;
}

int MakeAnEngine() {
  ktlsd_config* config = nullptr;
  ktlsd_engine* engine = nullptr;
  int code = ktlsd_config_new_client(&config);
  if (code == KTLSD_OK) {
    code = ktlsd_config_set_server_name(config, "server.example");
  }
  if (code == KTLSD_OK) {
    code = ktlsd_config_set_verifier_external(config);
  }
  if (code == KTLSD_OK) {
    code = ktlsd_engine_new(config, &engine);
  }
  ktlsd_engine_free(engine);
  ktlsd_config_free(config);
  return code;
}

// What libcrypto can do is asked at the first use, and kept; an answer for want
// of memory is not. This is the first test, so that nothing has asked; but
// libcrypto has begun: it does not recover when it cannot.
TEST(FirstUse, WithoutMemoryIsDoneAgain) {
  ASSERT_TRUE(CryptoMemoryCanFail());
  Pki();
  int code = KTLSD_API_MISUSE;
  for (long n = 1; n <= allocations.seen || code != KTLSD_OK; ++n) {
    code = FailAt(n, MakeAnEngine);
    ASSERT_TRUE(code == KTLSD_OK || code == KTLSD_NO_MEMORY ||
                code == KTLSD_CRYPTO_FAILED)
        << n << ": " << ktlsd_code_name(code);
  }
}

// A file of the test's own, gone with it.
class TextFile {
 public:
  TextFile(const char* name, const std::string& text)
      : path_(testing::TempDir() + "/" + name) {
    std::FILE* const file = std::fopen(path_.c_str(), "w");
    EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), file), text.size());
    EXPECT_EQ(std::fclose(file), 0);
  }
  ~TextFile() { std::remove(path_.c_str()); }
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;

  const char* path() const { return path_.c_str(); }

 private:
  std::string path_;
};

// Of what lacked memory: it says so, or got by without.
void ExpectNoMemory(int code) {
  EXPECT_TRUE(code == KTLSD_OK || code == KTLSD_NO_MEMORY)
      << ktlsd_code_name(code);
}

// Settings are loaded one by one, each into a config that has all it needs: it
// still has when one fails.
class LoadingWithoutMemory : public testing::Test {
 protected:
  template <typename Load>
  void Try(const char* what, long least, const ktlsd_config* config,
           Load&& load) {
    FailEachAllocation(what, least, load, [&](int code) {
      EXPECT_NE(code, KTLSD_API_MISUSE);
      EXPECT_NE(code, KTLSD_INTERNAL);
      EXPECT_NE(NewEngine(config), nullptr);
      return code == KTLSD_OK;
    });
  }

  ConfigPtr client_ = NewClientConfig(Pki());
  ConfigPtr server_ = NewServerConfig(Pki(), KTLSD_CLIENT_AUTH_REQUIRE);
  const std::string crl_ = Pki().pki.root.CrlPem({});
};

TEST_F(LoadingWithoutMemory, OfConfigs) {
  FailEachAllocation(
      "new configs", 2,
      [] {
        ktlsd_config* client = nullptr;
        ktlsd_config* server = nullptr;
        const int code = ktlsd_config_new_client(&client);
        const int other = ktlsd_config_new_server(&server);
        ktlsd_config_free(client);
        ktlsd_config_free(server);
        return code == KTLSD_OK ? other : code;
      },
      [](int code) {
        ExpectNoMemory(code);
        return code == KTLSD_OK;
      });
}

TEST_F(LoadingWithoutMemory, OfCertificates) {
  ktlsd_config* const server = server_.get();
  const CPki& pki = Pki();
  const TextFile chain("chain.pem", pki.server_chain);
  const TextFile key("key.pem", pki.server_key);
  Try("certificate in memory", 500, server, [&] {
    return ktlsd_config_set_certificate_pem(
        server, pki.server_chain.data(), pki.server_chain.size(),
        pki.server_key.data(), pki.server_key.size());
  });
  Try("certificate in files", 500, server, [&] {
    return ktlsd_config_set_certificate_files(server, chain.path(), key.path());
  });
  const uint16_t scheme = 0x0403;
  Try("certificate without key", 50, server, [&] {
    return ktlsd_config_set_certificate_external(
        server, pki.server_chain.data(), pki.server_chain.size(), &scheme, 1);
  });
}

TEST_F(LoadingWithoutMemory, OfTrust) {
  ktlsd_config* const client = client_.get();
  const std::string& trust = Pki().trust;
  const TextFile anchors("anchors.pem", trust);
  const TextFile crls("crls.pem", crl_);
  Try("trust in memory", 50, client, [&] {
    return ktlsd_config_set_trust_pem(client, trust.data(), trust.size());
  });
  Try("trust and CRLs in memory", 80, client, [&] {
    return ktlsd_config_set_trust_pem_crls(client, trust.data(), trust.size(),
                                           crl_.data(), crl_.size());
  });
  Try("trust in a file", 50, client,
      [&] { return ktlsd_config_set_trust_files(client, anchors.path()); });
  Try("trust and CRLs in files", 80, client, [&] {
    return ktlsd_config_set_trust_files_crls(client, anchors.path(),
                                             crls.path());
  });
}

TEST_F(LoadingWithoutMemory, OfWhatIsLittle) {
  const Bytes response(1000, 0x30);
  Try("OCSP response", 1, server_.get(), [&] {
    return ktlsd_config_set_ocsp_response(server_.get(), 0, response.data(),
                                          response.size());
  });
  Try("name", 1, client_.get(), [&] {
    return ktlsd_config_set_server_name(
        client_.get(), "a-name-that-is-longer-than-a-string.server.example");
  });
  // One config each time: there is no way to take these out again.
  FailEachAllocation(
      "PSKs and protocols", 4,
      [] {
        ktlsd_config* config = nullptr;
        int code = ktlsd_config_new_client(&config);
        for (const char* name : {"one", "two"}) {
          code = code != KTLSD_OK
                     ? code
                     : ktlsd_config_add_psk(config, name, 3, "key", 3, 0);
          code =
              code != KTLSD_OK ? code : ktlsd_config_add_alpn(config, name, 3);
        }
        ktlsd_config_free(config);
        return code;
      },
      [](int code) {
        ExpectNoMemory(code);
        return code == KTLSD_OK;
      });
}

// How both ends came out, and which of them an allocation failed.
struct Outcome {
  int client = KTLSD_OK;
  int server = KTLSD_OK;
  bool client_lacked = false;
  bool server_lacked = false;
  int exported = KTLSD_API_MISUSE;

  bool success() const {
    return client == KTLSD_OK && server == KTLSD_OK && exported == KTLSD_OK;
  }
};

void TurnTo(const CEnd& end) { allocations.acting = &end; }

int Begin(const ktlsd_config* config, CEnd& end, EnginePtr& owner) {
  TurnTo(end);
  end.turn = TurnTo;
  end.code = ktlsd_engine_new(config, &end.engine);
  owner.reset(end.engine);
  return end.code == KTLSD_OK
             ? ktlsd_engine_set_time(end.engine, kTestNow.time_since_epoch() /
                                                     std::chrono::seconds(1))
             : end.code;
}

// Several blocks of the hash: all of them, or zeros.
int Export(const CEnd& end) {
  TurnTo(end);
  std::array<uint8_t, 100> material{};
  material.fill(0xaa);
  const int code = ktlsd_session_export(end.engine, "x", 1, "", 0,
                                        material.data(), material.size());
  EXPECT_EQ(code != KTLSD_OK, material == decltype(material)());
  return code;
}

// A handshake, and an export from it.
Outcome Handshake(const ktlsd_config* client_config,
                  const ktlsd_config* server_config, CEnd& client,
                  CEnd& server) {
  EnginePtr client_engine;
  EnginePtr server_engine;
  Outcome outcome;
  if (Begin(client_config, client, client_engine) == KTLSD_OK &&
      Begin(server_config, server, server_engine) == KTLSD_OK) {
    Connect(client, server);
    EXPECT_TRUE(client.over());
    EXPECT_TRUE(server.over());
    outcome.exported = client.done() ? Export(client) : KTLSD_API_MISUSE;
  }
  outcome.client = client.code;
  outcome.server = server.code;
  outcome.client_lacked = allocations.failed_for == &client;
  outcome.server_lacked = allocations.failed_for == &server;
  return outcome;
}

void ExpectNoMisuse(const Outcome& outcome) {
  for (const int code : {outcome.client, outcome.server}) {
    EXPECT_NE(code, KTLSD_API_MISUSE);
    EXPECT_NE(code, KTLSD_INTERNAL);
  }
}

// Of an end that lacked memory: libcrypto, whose providers do not always say
// why, may have failed for no reason that it knows.
void ExpectNoMemoryOrCrypto(int code) {
  EXPECT_TRUE(code == KTLSD_OK || code == KTLSD_NO_MEMORY ||
              code == KTLSD_CRYPTO_FAILED)
      << ktlsd_code_name(code);
}

// Whoever lacked memory does not blame the peer for it; the other end has no
// failure of its own.
void ExpectRightBlame(const Outcome& outcome) {
  ExpectNoMisuse(outcome);
  const auto expect = [](bool lacked, int code) {
    if (lacked) {
      ExpectNoMemoryOrCrypto(code);
    } else {
      EXPECT_TRUE(code == KTLSD_OK ||
                  ktlsd_code_fault(code) == KTLSD_FAULT_PEER)
          << ktlsd_code_name(code);
    }
  };
  expect(outcome.client_lacked, outcome.client);
  expect(outcome.server_lacked, outcome.server);
  if (outcome.client == KTLSD_OK && outcome.server == KTLSD_OK) {
    ExpectNoMemoryOrCrypto(outcome.exported);
  }
}

void TryHandshakes(const char* what, long least,
                   const ktlsd_config* client_config,
                   const ktlsd_config* server_config,
                   void (*expect)(const Outcome&)) {
  Bytes to_server(kRoom);
  Bytes to_client(kRoom);
  const auto handshake = [&] {
    CEnd client;
    CEnd server;
    client.sent = std::move(to_server);
    server.sent = std::move(to_client);
    client.sent.clear();
    server.sent.clear();
    const Outcome outcome =
        Handshake(client_config, server_config, client, server);
    to_server = std::move(client.sent);
    to_client = std::move(server.sent);
    return outcome;
  };
  FailEachAllocation(what, least, handshake, [&](const Outcome& outcome) {
    expect(outcome);
    return outcome.success();
  });
}

// The core ends by itself when it lacks memory; this is about the copy of an
// answer, before the core has it.
TEST(Answers, WithoutMemoryForThemEndTheEngine) {
  const ConfigPtr client_config = NewClientConfig(Pki());
  const ConfigPtr server_config =
      NewServerConfig(Pki(), KTLSD_CLIENT_AUTH_NONE);
  const std::string& chain = Pki().server_chain;
  const uint16_t scheme = 0x0403;  // ecdsa_secp256r1_sha256
  ASSERT_EQ(ktlsd_config_set_certificate_external(
                server_config.get(), chain.data(), chain.size(), &scheme, 1),
            KTLSD_OK);
  const EnginePtr client_engine = NewEngine(client_config.get());
  const EnginePtr server_engine = NewEngine(server_config.get());
  CEnd client;
  CEnd server;
  client.engine = client_engine.get();
  server.engine = server_engine.get();
  const Bytes signature(70, 1);
  server.answer = [&](int) {
    return FailAt(1, [&] {
      return ktlsd_engine_sign(server.engine, signature.data(),
                               signature.size());
    });
  };
  Connect(client, server);
  EXPECT_EQ(server.code, KTLSD_NO_MEMORY);
  int wait = 0;
  std::size_t bytes = 0;
  EXPECT_EQ(ktlsd_engine_step(server.engine, &wait, &bytes), KTLSD_NO_MEMORY);
}

// Both sides show certificates, the server a response about its own. Who is
// blamed is not expected: libcrypto's path validation, without memory, may find
// no issuer of a certificate or no key in it, and that is the peer's.
TEST(HandshakesWithoutMemory, ByCertificate) {
  const Bytes response =
      OcspResponse({.statements = {{.subject = &Pki().pki.server,
                                    .issuer = &Pki().pki.intermediate}},
                    .signer = &Pki().pki.intermediate});
  const ConfigPtr client = NewClientConfig(Pki());
  const ConfigPtr server = NewServerConfig(Pki(), KTLSD_CLIENT_AUTH_REQUIRE);
  ASSERT_EQ(ktlsd_config_set_ocsp_response(server.get(), 0, response.data(),
                                           response.size()),
            KTLSD_OK);
  ASSERT_EQ(ktlsd_config_request_ocsp(client.get(), KTLSD_OCSP_REQUIRE),
            KTLSD_OK);
  TryHandshakes("handshake by certificate", 500, client.get(), server.get(),
                ExpectNoMisuse);
}

ConfigPtr NewPskConfig(int (*make)(ktlsd_config**)) {
  ktlsd_config* config = nullptr;
  EXPECT_EQ(make(&config), KTLSD_OK);
  EXPECT_EQ(ktlsd_config_add_psk(config, "mine", 4, "key", 3, 0), KTLSD_OK);
  return ConfigPtr(config);
}

// The client offers a PSK that the server lacks, and one that it has.
TEST(HandshakesWithoutMemory, ByPsk) {
  const ConfigPtr client = NewPskConfig(ktlsd_config_new_client);
  const ConfigPtr server = NewPskConfig(ktlsd_config_new_server);
  ASSERT_EQ(ktlsd_config_add_psk(client.get(), "other", 5, "key", 3,
                                 KTLSD_PSK_HASH_SHA384),
            KTLSD_OK);
  TryHandshakes("handshake by PSK", 200, client.get(), server.get(),
                ExpectRightBlame);
}

// Not even an alert can be made then.
TEST(HandshakesWithoutMemory, ThatDoesNotComeBack) {
  const ConfigPtr client = NewPskConfig(ktlsd_config_new_client);
  const ConfigPtr server = NewPskConfig(ktlsd_config_new_server);
  allocations.lasting = true;
  TryHandshakes("handshake without memory for the rest", 200, client.get(),
                server.get(), ExpectNoMisuse);
  allocations.lasting = false;
}

}  // namespace
}  // namespace ktlsd::handshake
