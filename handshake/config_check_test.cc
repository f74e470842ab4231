#include "handshake/config_check.h"

#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/engine.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

constexpr auto kUnknownSuite = static_cast<CipherSuite>(0x1305);
constexpr auto kUnknownGroup = static_cast<NamedGroup>(0x6a6a);

PskName Psk(std::size_t size, HashAlgorithm hash = HashAlgorithm::kSha256) {
  return {Bytes(size, 1), hash};
}

LocalCertificate OneCertificate() {
  LocalCertificate certificate;
  certificate.chain = {Bytes{1}};
  return certificate;
}

TEST(CheckConfig, TakesTheDefaults) {
  EXPECT_TRUE(CheckConfig(ClientConfig{}).ok());
  EXPECT_TRUE(CheckConfig(ServerConfig{}).ok());
}

TEST(CheckConfig, RefusesAClientThatCannotStart) {
  using Change = std::function<void(ClientConfig&)>;
  const std::vector<Change> changes = {
      [](auto& config) { config.suites.clear(); },
      [](auto& config) { config.suites.push_back(kUnknownSuite); },
      [](auto& config) { config.groups.clear(); },
      [](auto& config) { config.groups.push_back(kUnknownGroup); },
      [](auto& config) { config.groups.push_back(config.groups.front()); },
      [](auto& config) { config.share_groups.clear(); },
      [](auto& config) { config.share_groups = {kUnknownGroup}; },
      [](auto& config) {
        config.groups = {NamedGroup::kX25519, NamedGroup::kSecp256r1};
        config.share_groups = {NamedGroup::kSecp256r1, NamedGroup::kX25519};
      },
      [](auto& config) {
        config.groups = {NamedGroup::kX25519};
        config.share_groups = {NamedGroup::kX25519, NamedGroup::kX25519};
      },
      [](auto& config) { config.require_alpn = true; },
      [](auto& config) { config.alpn_protocols = {Bytes()}; },
      [](auto& config) { config.alpn_protocols = {Bytes(256, 'a')}; },
      [](auto& config) { config.must_show_certificate = true; },
      [](auto& config) { config.psks = {Psk(0)}; },
      [](auto& config) { config.psks = {Psk(65536)}; },
      [](auto& config) {
        config.psks = {Psk(1)};
        config.certificates = {OneCertificate()};
      },
      [](auto& config) {
        config.psks = {Psk(1)};
        config.suites = {CipherSuite::kAes256GcmSha384};
      },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    ClientConfig config;
    changes[i](config);
    const Status checked = CheckConfig(config);
    ASSERT_FALSE(checked.ok()) << i;
    EXPECT_EQ(checked.error().code, Code::kConfigUnusable) << i;
    // Nothing is sent to a server, not even an alert.
    const Engine engine = Engine::Client(config);
    ASSERT_NE(engine.failure(), nullptr) << i;
    EXPECT_EQ(engine.failure()->error.code, Code::kConfigUnusable) << i;
    EXPECT_TRUE(engine.output().empty()) << i;
  }
}

TEST(CheckConfig, RefusesAServerThatCannotAnswer) {
  using Change = std::function<void(ServerConfig&)>;
  const std::vector<Change> changes = {
      [](auto& config) { config.suites.clear(); },
      [](auto& config) { config.suites.push_back(kUnknownSuite); },
      [](auto& config) { config.groups.clear(); },
      [](auto& config) { config.groups.push_back(kUnknownGroup); },
      [](auto& config) { config.require_alpn = true; },
      [](auto& config) { config.alpn_protocols = {Bytes()}; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    ServerConfig config;
    changes[i](config);
    const Status checked = CheckConfig(config);
    ASSERT_FALSE(checked.ok()) << i;
    EXPECT_EQ(checked.error().code, Code::kConfigUnusable) << i;
  }
}

TEST(CheckConfig, RefusesAnEmptyChain) {
  ClientConfig client;
  client.certificates = {LocalCertificate{}};
  EXPECT_EQ(CheckConfig(client).error().code, Code::kNoCertificateConfigured);
  ServerConfig server;
  server.certificates = {OneCertificate(), LocalCertificate{}};
  EXPECT_EQ(CheckConfig(server).error().code, Code::kNoCertificateConfigured);
}

// One more byte than allowed is refused, and what is allowed fits a hello.
TEST(CheckConfig, OffersNoMoreNamesThanAHelloHasRoomFor) {
  constexpr std::size_t kOverhead = 2 + 4 + 1 + 32;
  ClientConfig config;
  config.psks = {Psk(kMaxOfferedNames - kOverhead)};
  EXPECT_TRUE(CheckConfig(config).ok());
  EXPECT_EQ(Engine::Client(config).failure(), nullptr);
  config.psks.front().identity.push_back(1);
  EXPECT_FALSE(CheckConfig(config).ok());

  config = ClientConfig();
  config.alpn_protocols.assign(kMaxOfferedNames / 256, Bytes(255, 'a'));
  EXPECT_TRUE(CheckConfig(config).ok());
  EXPECT_EQ(Engine::Client(config).failure(), nullptr);
  config.alpn_protocols.push_back(Bytes(1, 'a'));
  EXPECT_FALSE(CheckConfig(config).ok());
}

}  // namespace
}  // namespace ktlsd::handshake
