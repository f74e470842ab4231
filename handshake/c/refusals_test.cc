// What a C program does wrong is refused, and does the handshake no harm.

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/result.h"
#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/pem_file.h"
#include "handshake/c/testing/c_pair.h"

namespace ktlsd::handshake {
namespace {

constexpr uint16_t kEcdsaP256 = 0x0403;

const CPki& Pki() {
  static const CPki pki;
  return pki;
}

// What `engine` waits for; the code of its failure, negative, if it has one.
int WaitOf(ktlsd_engine* engine) {
  int wait = 0;
  std::size_t bytes = 0;
  const int code = ktlsd_engine_step(engine, &wait, &bytes);
  return code == KTLSD_OK ? wait : -code;
}

int SetExternal(ktlsd_config* config, const std::string& chain, uint16_t scheme,
                std::size_t schemes = 1) {
  return ktlsd_config_set_certificate_external(config, chain.data(),
                                               chain.size(), &scheme, schemes);
}

// A pair that runs until the server waits for its program.
class Refusals : public testing::Test {
 protected:
  void Run(const ktlsd_config* server, ktlsd_engine* acceptor = nullptr) {
    client_engine_ = NewEngine(client_.get());
    server_engine_ =
        acceptor == nullptr ? NewEngine(server) : EnginePtr(acceptor);
    ASSERT_TRUE(client_engine_ && server_engine_);
    from_.engine = client_engine_.get();
    to_.engine = server_engine_.get();
    Connect(from_, to_);
  }

  ConfigPtr client_ = NewClientConfig(Pki());
  ConfigPtr server_ = NewServerConfig(Pki(), KTLSD_CLIENT_AUTH_NONE);
  EnginePtr client_engine_;
  EnginePtr server_engine_;
  CEnd from_;
  CEnd to_;
};

TEST_F(Refusals, OfAConfigThatIsNotWaitedForOrCannotBeUsed) {
  ktlsd_engine* acceptor = nullptr;
  ASSERT_EQ(ktlsd_engine_new_acceptor(&acceptor), KTLSD_OK);
  EXPECT_EQ(ktlsd_engine_configure(acceptor, server_.get()), KTLSD_API_MISUSE);
  EXPECT_EQ(WaitOf(acceptor), KTLSD_WANT_READ);
  ktlsd_config* raw = nullptr;
  ASSERT_EQ(ktlsd_config_new_server(&raw), KTLSD_OK);
  const ConfigPtr empty(raw);
  to_.answer = [&](int) {
    EXPECT_EQ(ktlsd_engine_configure(acceptor, empty.get()),
              KTLSD_NO_CERTIFICATE_CONFIGURED);
    return ktlsd_engine_configure(acceptor, server_.get());
  };
  Run(nullptr, acceptor);
  EXPECT_TRUE(from_.done() && to_.done());
}

TEST_F(Refusals, OfEndsBehindTheEnd) {
  Run(server_.get());
  ASSERT_TRUE(from_.done() && to_.done());
  EXPECT_EQ(ktlsd_engine_peer_closed(to_.engine, 0), KTLSD_API_MISUSE);
  uint16_t suite = 0;
  EXPECT_EQ(ktlsd_session_suite(to_.engine, &suite), KTLSD_OK);
}

TEST_F(Refusals, OfOutputThatIsNotThere) {
  const EnginePtr server = NewEngine(server_.get());
  const uint8_t* data = nullptr;
  std::size_t length = 0;
  EXPECT_EQ(ktlsd_engine_output(server.get(), &data, &length),
            KTLSD_API_MISUSE);
  EXPECT_EQ(ktlsd_engine_written(server.get(), 0), KTLSD_API_MISUSE);
  const EnginePtr client = NewEngine(client_.get());
  ASSERT_EQ(WaitOf(client.get()), KTLSD_WANT_WRITE);
  ASSERT_EQ(ktlsd_engine_output(client.get(), &data, &length), KTLSD_OK);
  EXPECT_EQ(ktlsd_engine_written(client.get(), length + 1), KTLSD_API_MISUSE);
  EXPECT_EQ(ktlsd_engine_written(client.get(), length), KTLSD_OK);
  EXPECT_EQ(WaitOf(client.get()), KTLSD_WANT_READ);
}

TEST_F(Refusals, OfTimesThatCannotBeCounted) {
  const EnginePtr engine = NewEngine(client_.get());
  EXPECT_EQ(ktlsd_engine_set_time(engine.get(), -1), KTLSD_API_MISUSE);
  EXPECT_EQ(ktlsd_engine_set_time(engine.get(), 9223372037), KTLSD_API_MISUSE);
  EXPECT_EQ(ktlsd_engine_set_time(engine.get(), 9223372036), KTLSD_OK);
}

TEST_F(Refusals, OfSignatures) {
  ASSERT_EQ(SetExternal(server_.get(), Pki().server_chain, kEcdsaP256),
            KTLSD_OK);
  to_.answer = [&](int) {
    const Bytes most(16385, 0);
    EXPECT_EQ(ktlsd_engine_sign(to_.engine, most.data(), 0), KTLSD_API_MISUSE);
    EXPECT_EQ(ktlsd_engine_sign(to_.engine, most.data(), most.size()),
              KTLSD_API_MISUSE);
    EXPECT_EQ(ktlsd_engine_refuse_peer(to_.engine, KTLSD_CERTIFICATE_INVALID),
              KTLSD_API_MISUSE);
    EXPECT_EQ(WaitOf(to_.engine), KTLSD_WANT_SIGNATURE);
    return static_cast<int>(KTLSD_API_MISUSE);  // no answer: it ends here
  };
  Run(server_.get());
}

TEST_F(Refusals, OfWhatToSignBeforeTheStep) {
  ASSERT_EQ(SetExternal(server_.get(), Pki().server_chain, kEcdsaP256),
            KTLSD_OK);
  const EnginePtr client = NewEngine(client_.get());
  const EnginePtr server = NewEngine(server_.get());
  const uint8_t* hello = nullptr;
  std::size_t rest = 0;
  ASSERT_EQ(WaitOf(client.get()), KTLSD_WANT_WRITE);
  ASSERT_EQ(ktlsd_engine_output(client.get(), &hello, &rest), KTLSD_OK);
  int wait = 0;
  std::size_t wanted = 0;
  std::size_t certificate = 0;
  uint16_t scheme = 0;
  const uint8_t* content = nullptr;
  std::size_t length = 0;
  const auto to_sign = [&] {
    return ktlsd_engine_to_sign(server.get(), &certificate, &scheme, &content,
                                &length);
  };
  while (rest > 0) {
    ASSERT_EQ(ktlsd_engine_step(server.get(), &wait, &wanted), KTLSD_OK);
    const std::size_t count = std::min(wanted, rest);
    ASSERT_EQ(ktlsd_engine_feed(server.get(), hello, count), KTLSD_OK);
    hello += count;
    rest -= count;
  }
  EXPECT_EQ(to_sign(), KTLSD_API_MISUSE);
  ASSERT_EQ(WaitOf(server.get()), KTLSD_WANT_SIGNATURE);
  EXPECT_EQ(to_sign(), KTLSD_OK);
}

TEST_F(Refusals, OfRefusalsThatAreNone) {
  const EnginePtr fresh = NewEngine(client_.get());
  EXPECT_EQ(ktlsd_engine_refuse_peer(fresh.get(), KTLSD_CERTIFICATE_REVOKED),
            KTLSD_API_MISUSE);
  EXPECT_EQ(WaitOf(fresh.get()), KTLSD_WANT_WRITE);
  ASSERT_EQ(ktlsd_config_set_verifier_external(client_.get()), KTLSD_OK);
  from_.answer = [&](int) {
    for (const int code : {KTLSD_BAD_PSK_BINDER, KTLSD_CONFIG_UNUSABLE}) {
      EXPECT_EQ(ktlsd_engine_refuse_peer(from_.engine, code), KTLSD_API_MISUSE);
    }
    EXPECT_EQ(WaitOf(from_.engine), KTLSD_WANT_VERDICT);
    return ktlsd_engine_refuse_peer(from_.engine, KTLSD_CERTIFICATE_REQUIRED);
  };
  Run(server_.get());
  EXPECT_EQ(from_.code, KTLSD_CERTIFICATE_REQUIRED);
}

TEST_F(Refusals, OfSettings) {
  const std::string name(256, 'a');
  EXPECT_EQ(ktlsd_config_add_alpn(client_.get(), name.data(), 256),
            KTLSD_CONFIG_UNUSABLE);
  EXPECT_EQ(ktlsd_config_add_alpn(client_.get(), name.data(), 255), KTLSD_OK);
  std::string chain;
  for (int i = 0; i < 10; ++i) {
    chain += Pki().server_chain.substr(0, Pki().server_chain.find("-----END"));
    chain += "-----END CERTIFICATE-----\n";
  }
  EXPECT_EQ(SetExternal(server_.get(), chain, kEcdsaP256), KTLSD_OK);
  EXPECT_EQ(SetExternal(server_.get(), chain + Pki().server_chain, kEcdsaP256),
            KTLSD_CERTIFICATE_UNUSABLE);
  EXPECT_EQ(SetExternal(server_.get(), chain, 0x0401), KTLSD_CONFIG_UNUSABLE);
  EXPECT_EQ(SetExternal(server_.get(), chain, kEcdsaP256, 0),
            KTLSD_CONFIG_UNUSABLE);
}

TEST(PemFiles, AreRegularAndOfAtMostAMebibyte) {
  EXPECT_EQ(PemFile::Read("/dev/null", Code::kCrlUnusable).error().code,
            Code::kCrlUnusable);
  const std::string path = testing::TempDir() + "/refusals.pem";
  const std::string most(1U << 20, '\n');
  std::ofstream(path) << most;
  const auto read = PemFile::Read(path.c_str(), Code::kCrlUnusable);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->view().size(), most.size());
  std::ofstream(path) << most << '\n';
  EXPECT_EQ(PemFile::Read(path.c_str(), Code::kCrlUnusable).error().code,
            Code::kCrlUnusable);
}

}  // namespace
}  // namespace ktlsd::handshake
