// Every entry with NULL for each of its pointers, one at a time, where it works
// with good ones.
#include <fcntl.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/owned_fd.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/testing/c_pair.h"
#include "handshake/c/testing/this_kernel.h"
#include "ktls/loopback.h"

namespace ktlsd::handshake {
namespace {

const CPki& Pki() {
  static const CPki pki;
  return pki;
}

// What `argument` points at, if an entry writes there.
template <typename Parameter>
auto Written(Parameter argument) {
  using Pointee = std::remove_pointer_t<Parameter>;
  if constexpr (std::is_pointer_v<Parameter> && !std::is_const_v<Pointee> &&
                !std::is_void_v<Pointee>) {
    if constexpr (requires { Pointee{}; }) {
      return std::tuple(*argument);
    } else {
      return std::tuple<>();  // a config or an engine
    }
  } else {
    return std::tuple<>();
  }
}

// Calls `entry` with `arguments`, but NULL in place of the one at kIndex.
template <std::size_t kIndex, typename... Parameters>
void CallWithNull(const char* name, int (*entry)(Parameters...) noexcept,
                  std::tuple<Parameters...> arguments) {
  using Parameter = std::tuple_element_t<kIndex, std::tuple<Parameters...>>;
  if constexpr (std::is_pointer_v<Parameter>) {
    std::get<kIndex>(arguments) = nullptr;
    EXPECT_EQ(std::apply(entry, arguments), KTLSD_API_MISUSE)
        << name << ", argument " << kIndex;
  }
}

// With NULLs, none of which does anything, and then with `good`, which proves
// that it was the NULL that was refused. It must return `result`.
template <typename... Parameters>
void CallWithNulls(const char* name, int result,
                   int (*entry)(Parameters...) noexcept,
                   std::type_identity_t<Parameters>... good) {
  const std::tuple<Parameters...> arguments(good...);
  const auto written = [&] {
    return std::apply(
        [](auto... argument) { return std::tuple_cat(Written(argument)...); },
        arguments);
  };
  const auto before = written();
  [&]<std::size_t... kIndices>(std::index_sequence<kIndices...>) {
    (CallWithNull<kIndices>(name, entry, arguments), ...);
  }(std::index_sequence_for<Parameters...>());
  EXPECT_TRUE(written() == before) << name;
  EXPECT_EQ(std::apply(entry, arguments), result) << name;
}

#define CALL_WITH_NULLS(entry, ...) \
  CallWithNulls(#entry, result_, entry, __VA_ARGS__)

class Nulls : public testing::Test {
 protected:
  // Connects engines of the two configs; `acceptor`: a server without one.
  void Handshake(bool acceptor = false) {
    client_engine_ = NewEngine(client_config_.get());
    if (acceptor) {
      ktlsd_engine* made = nullptr;
      ASSERT_EQ(ktlsd_engine_new_acceptor(&made), KTLSD_OK);
      server_engine_.reset(made);
    } else {
      server_engine_ = NewEngine(server_config_.get());
    }
    client_.engine = client_engine_.get();
    server_.engine = server_engine_.get();
    ASSERT_TRUE(client_.engine != nullptr && server_.engine != nullptr);
    Connect(client_, server_);
  }

  ConfigPtr client_config_ = NewClientConfig(Pki());
  ConfigPtr server_config_ = NewServerConfig(Pki(), KTLSD_CLIENT_AUTH_NONE);
  EnginePtr client_engine_;
  EnginePtr server_engine_;
  CEnd client_;
  CEnd server_;
  int result_ = KTLSD_OK;  // of good arguments
  int wait_ = -1;
  std::size_t length_ = 12345;
  std::size_t size_ = 54321;
  const uint8_t* data_ = nullptr;
  const char* text_ = nullptr;
  uint16_t number_ = 0x5a5a;
  uint8_t byte_ = 0;
};

TEST_F(Nulls, AreRefusedWhereConfigsBegin) {
  ktlsd_config* client = nullptr;
  ktlsd_config* server = nullptr;
  CALL_WITH_NULLS(ktlsd_config_new_client, &client);
  CALL_WITH_NULLS(ktlsd_config_new_server, &server);
  ktlsd_config_free(client);
  ktlsd_config_free(server);
  ktlsd_config_free(nullptr);
}

TEST_F(Nulls, AreRefusedByCertificatesOfConfigs) {
  ktlsd_config* config = server_config_.get();
  const std::string& chain = Pki().server_chain;
  const std::string& key = Pki().server_key;
  const std::string folder = testing::TempDir();
  const std::string chain_path = folder + "/null_chain.pem";
  const std::string key_path = folder + "/null_key.pem";
  std::ofstream(chain_path) << chain;
  std::ofstream(key_path) << key;
  const uint16_t scheme = 0x0403;
  CALL_WITH_NULLS(ktlsd_config_set_certificate_pem, config, chain.data(),
                  chain.size(), key.data(), key.size());
  CALL_WITH_NULLS(ktlsd_config_set_certificate_files, config,
                  chain_path.c_str(), key_path.c_str());
  CALL_WITH_NULLS(ktlsd_config_set_certificate_external, config, chain.data(),
                  chain.size(), &scheme, 1);
  CALL_WITH_NULLS(ktlsd_config_add_certificate_pem, config, chain.data(),
                  chain.size(), key.data(), key.size());
  CALL_WITH_NULLS(ktlsd_config_add_certificate_files, config,
                  chain_path.c_str(), key_path.c_str());
  CALL_WITH_NULLS(ktlsd_config_add_certificate_external, config, chain.data(),
                  chain.size(), &scheme, 1);
  CALL_WITH_NULLS(ktlsd_config_set_ocsp_response, config, 0, "x", 1);
}

TEST_F(Nulls, AreRefusedByTrustOfConfigs) {
  ktlsd_config* config = client_config_.get();
  const std::string& trust = Pki().trust;
  const std::string crl = Pki().pki.root.CrlPem({});
  const std::string folder = testing::TempDir();
  const std::string trust_path = folder + "/null_trust.pem";
  const std::string crl_path = folder + "/null_crl.pem";
  std::ofstream(trust_path) << trust;
  std::ofstream(crl_path) << crl;
  CALL_WITH_NULLS(ktlsd_config_set_trust_pem, config, trust.data(),
                  trust.size());
  CALL_WITH_NULLS(ktlsd_config_set_trust_pem_crls, config, trust.data(),
                  trust.size(), crl.data(), crl.size());
  CALL_WITH_NULLS(ktlsd_config_set_trust_files, config, trust_path.c_str());
  CALL_WITH_NULLS(ktlsd_config_set_trust_files_crls, config, trust_path.c_str(),
                  crl_path.c_str());
  CALL_WITH_NULLS(ktlsd_config_set_verifier_external, config);
}

TEST_F(Nulls, AreRefusedBySettingsOfConfigs) {
  ktlsd_config* client = client_config_.get();
  ktlsd_config* server = server_config_.get();
  const uint16_t suite = 0x1301;
  const uint16_t group = 0x001d;
  CALL_WITH_NULLS(ktlsd_config_set_server_name, client, "server.example");
  CALL_WITH_NULLS(ktlsd_config_request_ocsp, client, KTLSD_OCSP_ASK);
  CALL_WITH_NULLS(ktlsd_config_set_client_auth, server,
                  KTLSD_CLIENT_AUTH_REQUEST);
  CALL_WITH_NULLS(ktlsd_config_set_profile, client, KTLSD_PROFILE_RPC);
  CALL_WITH_NULLS(ktlsd_config_add_psk, server, "x", 1, "x", 1, 0);
  CALL_WITH_NULLS(ktlsd_config_add_alpn, client, "x", 1);
  CALL_WITH_NULLS(ktlsd_config_require_alpn, client, 1);
  CALL_WITH_NULLS(ktlsd_config_set_record_size_limit, client, 1);
  CALL_WITH_NULLS(ktlsd_config_set_suites, client, &suite, 1);
  CALL_WITH_NULLS(ktlsd_config_set_groups, client, &group, 1);
}

TEST_F(Nulls, AreRefusedByEnginesAtTheirStart) {
  ktlsd_engine* client = nullptr;
  ktlsd_engine* server = nullptr;
  CALL_WITH_NULLS(ktlsd_engine_new, client_config_.get(), &client);
  CALL_WITH_NULLS(ktlsd_engine_new_acceptor, &server);
  const EnginePtr client_owner(client);
  const EnginePtr server_owner(server);
  CALL_WITH_NULLS(ktlsd_engine_set_time, client, 1);
  CALL_WITH_NULLS(ktlsd_engine_error_text, client, &text_);
  CALL_WITH_NULLS(ktlsd_engine_step, client, &wait_, &length_);
  ASSERT_EQ(wait_, KTLSD_WANT_WRITE);
  CALL_WITH_NULLS(ktlsd_engine_output, client, &data_, &length_);
  CALL_WITH_NULLS(ktlsd_engine_written, client, length_);
  CALL_WITH_NULLS(ktlsd_engine_step, server, &wait_, &length_);
  ASSERT_EQ(wait_, KTLSD_WANT_READ);
  CALL_WITH_NULLS(ktlsd_engine_feed, server, "\x16", 1);
  CALL_WITH_NULLS(ktlsd_engine_peer_closed, server, 0);
  ktlsd_engine_free(nullptr);
}

TEST_F(Nulls, AreRefusedByTheAlertOfThePeer) {
  ASSERT_EQ(ktlsd_config_set_server_name(client_config_.get(), "else.example"),
            KTLSD_OK);
  Handshake();
  CALL_WITH_NULLS(ktlsd_engine_peer_alert, server_.engine, &byte_);
}

TEST_F(Nulls, AreRefusedByTheHelloAndItsAnswer) {
  ASSERT_EQ(ktlsd_config_add_alpn(client_config_.get(), "files", 5), KTLSD_OK);
  server_.answer = [&](int wait) {
    const ktlsd_engine* engine = server_.engine;
    EXPECT_EQ(wait, KTLSD_WANT_CONFIG);
    CALL_WITH_NULLS(ktlsd_hello_server_name, engine, &text_, &length_);
    CALL_WITH_NULLS(ktlsd_hello_alpn, engine, 0, &data_, &length_);
    CALL_WITH_NULLS(ktlsd_hello_suite, engine, 0, &number_);
    CALL_WITH_NULLS(ktlsd_hello_group, engine, 0, &number_);
    CALL_WITH_NULLS(ktlsd_hello_scheme, engine, 0, &number_);
    CALL_WITH_NULLS(ktlsd_hello_status_request, engine, &wait_);
    CALL_WITH_NULLS(ktlsd_engine_configure, server_.engine,
                    server_config_.get());
    return KTLSD_OK;
  };
  Handshake(/*acceptor=*/true);
  EXPECT_TRUE(client_.done() && server_.done());
}

TEST_F(Nulls, AreRefusedByThePsksOfTheHello) {
  ktlsd_config* config = nullptr;
  ASSERT_EQ(ktlsd_config_new_client(&config), KTLSD_OK);
  client_config_.reset(config);
  for (ktlsd_config* end : {config, server_config_.get()}) {
    ASSERT_EQ(ktlsd_config_add_psk(end, "mine", 4, "key", 3, 0), KTLSD_OK);
  }
  server_.answer = [&](int) {
    CALL_WITH_NULLS(ktlsd_hello_psk_identity, server_.engine, 0, &data_,
                    &length_);
    return ktlsd_engine_configure(server_.engine, server_config_.get());
  };
  Handshake(/*acceptor=*/true);
  ASSERT_TRUE(client_.done() && server_.done());
  CALL_WITH_NULLS(ktlsd_session_psk_identity, server_.engine, &data_, &length_);
}

TEST_F(Nulls, AreRefusedBySignaturesOfTheProgram) {
  const uint16_t scheme = 0x0403;
  ASSERT_EQ(ktlsd_config_set_certificate_external(
                server_config_.get(), Pki().server_chain.data(),
                Pki().server_chain.size(), &scheme, 1),
            KTLSD_OK);
  int answered = 0;
  server_.answer = [&](int wait) {
    EXPECT_EQ(wait, KTLSD_WANT_SIGNATURE);
    CALL_WITH_NULLS(ktlsd_engine_to_sign, server_.engine, &size_, &number_,
                    &data_, &length_);
    CALL_WITH_NULLS(ktlsd_engine_sign, server_.engine, "x", 1);
    ++answered;
    return KTLSD_OK;
  };
  Handshake();
  EXPECT_EQ(answered, 1);
}

TEST_F(Nulls, AreRefusedByVerdictsOfTheProgram) {
  ASSERT_EQ(ktlsd_config_set_verifier_external(client_config_.get()), KTLSD_OK);
  ASSERT_EQ(ktlsd_config_request_ocsp(client_config_.get(), KTLSD_OCSP_ASK),
            KTLSD_OK);
  ASSERT_EQ(ktlsd_config_set_ocsp_response(server_config_.get(), 0, "x", 1),
            KTLSD_OK);
  client_.answer = [&](int wait) {
    ktlsd_engine* engine = client_.engine;
    EXPECT_EQ(wait, KTLSD_WANT_VERDICT);
    CALL_WITH_NULLS(ktlsd_engine_peer_certificate, engine, 0, &data_, &length_);
    CALL_WITH_NULLS(ktlsd_engine_peer_ocsp_response, engine, &data_, &length_);
    CALL_WITH_NULLS(ktlsd_engine_peer_subject, engine, &text_);
    CALL_WITH_NULLS(ktlsd_engine_accept_peer, engine);
    return KTLSD_OK;
  };
  Handshake();
  EXPECT_TRUE(client_.done() && server_.done());
  int refused = 0;
  client_ = CEnd{.answer = [&](int) {
    CALL_WITH_NULLS(ktlsd_engine_refuse_peer, client_.engine,
                    KTLSD_CERTIFICATE_REVOKED);
    ++refused;
    return KTLSD_OK;
  }};
  server_ = CEnd();
  Handshake();
  EXPECT_EQ(refused, 1);
}

TEST_F(Nulls, AreRefusedBySessions) {
  Handshake();
  ASSERT_TRUE(client_.done() && server_.done());
  ktlsd_engine* engine = client_.engine;
  CALL_WITH_NULLS(ktlsd_session_suite, engine, &number_);
  CALL_WITH_NULLS(ktlsd_session_group, engine, &number_);
  CALL_WITH_NULLS(ktlsd_session_alpn, engine, &data_, &length_);
  CALL_WITH_NULLS(ktlsd_session_peer_verified, engine, &wait_);
  CALL_WITH_NULLS(ktlsd_session_export, engine, "x", 1, "", 0, &byte_, 1);
}

TEST_F(Nulls, AreRefusedOverSockets) {
  const ktls::SocketPair pair = ktls::ConnectLoopback().value();
  ASSERT_EQ(::fcntl(pair.client.raw(), F_SETFL, O_NONBLOCK), 0);
  const EnginePtr engine = NewEngine(client_config_.get());
  CALL_WITH_NULLS(ktlsd_handshake_fd, engine.get(), pair.client.raw(), &wait_);
  EXPECT_EQ(wait_, KTLSD_WANT_READ);
  Handshake();
  ASSERT_TRUE(client_.done());
  const ktls::SocketPair other = ktls::ConnectLoopback().value();
  result_ = OffloadByThisKernel(CipherSuite::kAes256GcmSha384);
  CALL_WITH_NULLS(ktlsd_engine_install, client_.engine, other.client.raw());
}

}  // namespace
}  // namespace ktlsd::handshake
