// Refusals: the side that refuses names the reason, the other one hears the
// alert of the error table.

#include <algorithm>
#include <chrono>
#include <variant>

#include "base/alert.h"
#include "base/bytes.h"
#include "base/error_codes.h"
#include "gtest/gtest.h"
#include "handshake/config.h"
#include "handshake/engine.h"
#include "handshake/server_name.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_pki.h"
#include "handshake/testing/world.h"

namespace ktlsd::handshake {
namespace {

void ExpectReason(const LocalPeer& refusing, Code code) {
  ASSERT_NE(refusing.failure(), nullptr);
  EXPECT_EQ(FailureOf(refusing), Describe(code).label);
  EXPECT_EQ(refusing.failure()->alert_sent, Describe(code).alert);
}

void ExpectRefusal(const LocalPeer& refusing, const LocalPeer& refused,
                   Code code) {
  ExpectReason(refusing, code);
  ASSERT_NE(refused.failure(), nullptr);
  EXPECT_EQ(FailureOf(refused), "alert_received");
  EXPECT_EQ(refused.failure()->error.alert,
            static_cast<uint8_t>(Describe(code).alert));
}

TEST(EngineRefusal, RefusesAWrongName) {
  const World world;
  LocalPeerSetup client = world.Client();
  client.policy.names = {*ServerName::Parse("other.example")};
  const Pair pair = Handshake(client, world.Server());
  ExpectRefusal(pair.client, pair.server, Code::kCertificateNameMismatch);
}

TEST(EngineRefusal, RefusesAnUnknownIssuer) {
  const World world;
  const World other;
  LocalPeerSetup client = world.Client();
  client.trust = &other.trust();
  const Pair pair = Handshake(client, world.Server());
  ExpectRefusal(pair.client, pair.server, Code::kCertificateUnknownIssuer);
}

TEST(EngineRefusal, RefusesAnExpiredCertificate) {
  const World world;
  LocalPeerSetup server = world.Server();
  server.policy.now = kTestNotAfter + std::chrono::hours(24);
  const Pair pair = Handshake(world.Client(), server);
  ExpectReason(pair.server, Code::kCertificateExpired);
  // The client was done with its Finished; the alert comes after it.
  EXPECT_EQ(FailureOf(pair.client), "none");
}

TEST(EngineRefusal, RefusesWithoutACommonSuite) {
  const World world;
  LocalPeerSetup client = world.Client();
  client.client.suites = {CipherSuite::kAes128GcmSha256};
  LocalPeerSetup server = world.Server();
  server.server.suites = {CipherSuite::kAes256GcmSha384};
  const Pair pair = Handshake(client, server);
  ExpectRefusal(pair.server, pair.client, Code::kNoCommonCipherSuite);
}

TEST(EngineRefusal, RefusesWithoutACommonGroup) {
  const World world;
  LocalPeerSetup client = world.Client();
  client.client.groups = {NamedGroup::kX25519};
  client.client.share_groups = {NamedGroup::kX25519};
  LocalPeerSetup server = world.Server();
  server.server.groups = {NamedGroup::kSecp256r1};
  const Pair pair = Handshake(client, server);
  ExpectRefusal(pair.server, pair.client, Code::kNoCommonGroup);
}

TEST(EngineRefusal, RefusesToServeWithoutACertificate) {
  const World world;
  LocalPeerSetup server = world.Server();
  server.credentials.clear();
  const Pair pair = Handshake(world.Client(), server);
  ExpectRefusal(pair.server, pair.client, Code::kNoCertificateConfigured);
}

// A server that has read the hello of `client`.
Engine ServerWithHello(LocalPeer& client) {
  Engine engine = Engine::Server();
  while (std::holds_alternative<NeedInput>(engine.wait())) {
    const auto need = std::get<NeedInput>(engine.wait());
    const ByteView rest = client.engine().output();
    const std::size_t size = std::min(need.bytes, rest.size());
    engine.Feed(rest.first(size));
    client.engine().Written(size);
  }
  return engine;
}

TEST(EngineRefusal, FailsWithTheErrorOfItsConfigurator) {
  const World world;
  LocalPeer client = LocalPeer::Client(world.Client());
  Engine engine = ServerWithHello(client);
  engine.Configure(Error{Code::kNoCertificateConfigured, "none"});
  ASSERT_NE(engine.failure(), nullptr);
  EXPECT_EQ(engine.failure()->error.code, Code::kNoCertificateConfigured);
}

TEST(EngineRefusal, FailsWithTheErrorOfItsSigner) {
  const World world;
  LocalPeerSetup server = world.Server();
  LocalPeer client = LocalPeer::Client(world.Client());
  Engine engine = ServerWithHello(client);
  server.server.certificates = {world.server_credential().certificate()};
  engine.Configure(server.server);
  while (std::holds_alternative<HaveOutput>(engine.wait())) {
    engine.Written(engine.output().size());
  }
  ASSERT_TRUE(std::holds_alternative<NeedSignature>(engine.wait()));
  engine.Sign(Error{Code::kKeeperUnavailable, "gone"});
  ASSERT_NE(engine.failure(), nullptr);
  EXPECT_EQ(engine.failure()->error.code, Code::kKeeperUnavailable);
  EXPECT_EQ(engine.failure()->alert_sent, Alert::kInternalError);
}

}  // namespace
}  // namespace ktlsd::handshake
