// Every entry with NULL for each of its pointers, one at a time.
#include <array>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/testing/c_pair.h"

namespace ktlsd::handshake {
namespace {

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

template <typename... Parameters>
void CallWithNulls(const char* name, int (*entry)(Parameters...) noexcept,
                   std::type_identity_t<Parameters>... good) {
  const std::tuple<Parameters...> arguments(good...);
  [&]<std::size_t... kIndices>(std::index_sequence<kIndices...>) {
    (CallWithNull<kIndices>(name, entry, arguments), ...);
  }(std::index_sequence_for<Parameters...>());
}

#define CALL_WITH_NULLS(entry, ...) CallWithNulls(#entry, entry, __VA_ARGS__)

class Nulls : public testing::Test {
 protected:
  Nulls()
      : config_(NewServerConfig(pki_, KTLSD_CLIENT_AUTH_NONE)),
        engine_(NewEngine(config_.get())) {}

  CPki pki_;
  ConfigPtr config_;
  EnginePtr engine_;
  int wait_ = -1;
  std::size_t length_ = 12345;
  std::size_t size_ = 0;
  const uint8_t* data_ = nullptr;
  const char* text_ = nullptr;
  uint16_t number_ = 0;
  uint8_t byte_ = 0;
};

TEST_F(Nulls, AreRefusedByConfigs) {
  ktlsd_config* config = config_.get();
  ktlsd_config* made = nullptr;
  CALL_WITH_NULLS(ktlsd_config_new_client, &made);
  CALL_WITH_NULLS(ktlsd_config_new_server, &made);
  EXPECT_EQ(made, nullptr);
  CALL_WITH_NULLS(ktlsd_config_set_certificate_pem, config, "x", 1, "x", 1);
  CALL_WITH_NULLS(ktlsd_config_set_certificate_files, config, "x", "x");
  CALL_WITH_NULLS(ktlsd_config_set_certificate_external, config, "x", 1,
                  &number_, 1);
  CALL_WITH_NULLS(ktlsd_config_add_certificate_pem, config, "x", 1, "x", 1);
  CALL_WITH_NULLS(ktlsd_config_add_certificate_files, config, "x", "x");
  CALL_WITH_NULLS(ktlsd_config_add_certificate_external, config, "x", 1,
                  &number_, 1);
  CALL_WITH_NULLS(ktlsd_config_set_ocsp_response, config, 0, "x", 1);
  CALL_WITH_NULLS(ktlsd_config_request_ocsp, config, 0);
  CALL_WITH_NULLS(ktlsd_config_set_profile, config, 0);
  CALL_WITH_NULLS(ktlsd_config_require_alpn, config, 1);
  CALL_WITH_NULLS(ktlsd_config_set_trust_pem, config, "x", 1);
  CALL_WITH_NULLS(ktlsd_config_set_trust_pem_crls, config, "x", 1, "x", 1);
  CALL_WITH_NULLS(ktlsd_config_set_trust_files, config, "x");
  CALL_WITH_NULLS(ktlsd_config_set_trust_files_crls, config, "x", "x");
  CALL_WITH_NULLS(ktlsd_config_set_verifier_external, config);
  CALL_WITH_NULLS(ktlsd_config_set_server_name, config, "x");
  CALL_WITH_NULLS(ktlsd_config_add_psk, config, "x", 1, "x", 1, 0);
  CALL_WITH_NULLS(ktlsd_config_add_alpn, config, "x", 0);
  CALL_WITH_NULLS(ktlsd_config_set_client_auth, config, 0);
  CALL_WITH_NULLS(ktlsd_config_set_record_size_limit, config, 1);
  CALL_WITH_NULLS(ktlsd_config_set_suites, config, &number_, 0);
  CALL_WITH_NULLS(ktlsd_config_set_groups, config, &number_, 0);
  ktlsd_config_free(nullptr);
}

TEST_F(Nulls, AreRefusedByEngines) {
  ktlsd_engine* engine = engine_.get();
  ktlsd_engine* made = nullptr;
  CALL_WITH_NULLS(ktlsd_engine_new, config_.get(), &made);
  CALL_WITH_NULLS(ktlsd_engine_new_acceptor, &made);
  EXPECT_EQ(made, nullptr);
  CALL_WITH_NULLS(ktlsd_engine_step, engine, &wait_, &length_);
  CALL_WITH_NULLS(ktlsd_engine_output, engine, &data_, &length_);
  CALL_WITH_NULLS(ktlsd_engine_written, engine, 0);
  CALL_WITH_NULLS(ktlsd_engine_feed, engine, "x", 1);
  CALL_WITH_NULLS(ktlsd_engine_peer_closed, engine, 0);
  CALL_WITH_NULLS(ktlsd_engine_set_time, engine, 0);
  CALL_WITH_NULLS(ktlsd_engine_error_text, engine, &text_);
  CALL_WITH_NULLS(ktlsd_engine_peer_alert, engine, &byte_);
  CALL_WITH_NULLS(ktlsd_engine_configure, engine, config_.get());
  CALL_WITH_NULLS(ktlsd_engine_to_sign, engine, &size_, &number_, &data_,
                  &length_);
  CALL_WITH_NULLS(ktlsd_engine_sign, engine, "x", 1);
  CALL_WITH_NULLS(ktlsd_engine_accept_peer, engine);
  CALL_WITH_NULLS(ktlsd_engine_refuse_peer, engine, 200);
  CALL_WITH_NULLS(ktlsd_engine_peer_certificate, engine, 0, &data_, &length_);
  CALL_WITH_NULLS(ktlsd_engine_peer_ocsp_response, engine, &data_, &length_);
  CALL_WITH_NULLS(ktlsd_engine_peer_subject, engine, &text_);
  CALL_WITH_NULLS(ktlsd_engine_install, engine, -1);
  CALL_WITH_NULLS(ktlsd_handshake_fd, engine, -1, &wait_);
  ktlsd_engine_free(nullptr);
  EXPECT_EQ(wait_, -1);
  EXPECT_EQ(length_, 12345u);
  // And the engine is none the worse.
  EXPECT_EQ(ktlsd_engine_step(engine, &wait_, &length_), KTLSD_OK);
  EXPECT_EQ(wait_, KTLSD_WANT_READ);
}

TEST_F(Nulls, AreRefusedByGetters) {
  ktlsd_engine* engine = engine_.get();
  CALL_WITH_NULLS(ktlsd_hello_server_name, engine, &text_, &length_);
  CALL_WITH_NULLS(ktlsd_hello_alpn, engine, 0, &data_, &length_);
  CALL_WITH_NULLS(ktlsd_hello_suite, engine, 0, &number_);
  CALL_WITH_NULLS(ktlsd_hello_group, engine, 0, &number_);
  CALL_WITH_NULLS(ktlsd_hello_scheme, engine, 0, &number_);
  CALL_WITH_NULLS(ktlsd_hello_psk_identity, engine, 0, &data_, &length_);
  CALL_WITH_NULLS(ktlsd_hello_status_request, engine, &wait_);
  CALL_WITH_NULLS(ktlsd_session_suite, engine, &number_);
  CALL_WITH_NULLS(ktlsd_session_group, engine, &number_);
  CALL_WITH_NULLS(ktlsd_session_alpn, engine, &data_, &length_);
  CALL_WITH_NULLS(ktlsd_session_psk_identity, engine, &data_, &length_);
  CALL_WITH_NULLS(ktlsd_session_peer_verified, engine, &wait_);
  CALL_WITH_NULLS(ktlsd_session_export, engine, "x", 1, "", 0, &byte_, 1);
}

}  // namespace
}  // namespace ktlsd::handshake
