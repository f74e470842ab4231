// What a handshake asks for and requires beyond the certificates themselves:
// stapled OCSP responses and application protocols.

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "gtest/gtest.h"
#include "handshake/config.h"
#include "handshake/engine.h"
#include "handshake/peer_verifier.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_ocsp.h"
#include "handshake/testing/test_pki.h"
#include "handshake/testing/world.h"

namespace ktlsd::handshake {
namespace {

// A client that requires an OCSP response of the server.
LocalPeerSetup Requiring(const World& world) {
  LocalPeerSetup client = world.Client();
  client.client.request_ocsp = true;
  client.policy.stapling = Stapling::kRequired;
  return client;
}

// A server that has a response about its certificate.
LocalPeerSetup Stapled(const World& world, OcspStatus status) {
  const TestPki& pki = world.pki();
  OcspSpec spec;
  spec.statements = {
      {.subject = &pki.server, .issuer = &pki.intermediate, .status = status}};
  spec.signer = &pki.intermediate;
  LocalPeerSetup server = world.Server();
  server.ocsp_response = OcspResponse(spec);
  return server;
}

TEST(OcspStapling, AGoodResponseIsSentToWhoAsksAndAccepted) {
  const World world;
  const Pair pair =
      Handshake(Requiring(world), Stapled(world, OcspStatus::kGood));
  EXPECT_TRUE(pair.client.done()) << FailureOf(pair.client);
  EXPECT_TRUE(pair.server.done()) << FailureOf(pair.server);
}

TEST(OcspStapling, ARevokedCertificateIsRefused) {
  const World world;
  const Pair pair =
      Handshake(Requiring(world), Stapled(world, OcspStatus::kRevoked));
  EXPECT_EQ(FailureOf(pair.client), "certificate_revoked");
  EXPECT_EQ(FailureOf(pair.server), "alert_received");
}

TEST(OcspStapling, AServerWithoutOneIsRefusedWhereItIsRequired) {
  const World world;
  const Pair pair = Handshake(Requiring(world), world.Server());
  EXPECT_EQ(FailureOf(pair.client), "ocsp_response_missing");
}

// Unasked, the response would be an unsupported_extension.
TEST(OcspStapling, NobodyIsSentAResponseUnasked) {
  const World world;
  const Pair pair =
      Handshake(world.Client(), Stapled(world, OcspStatus::kRevoked));
  EXPECT_TRUE(pair.client.done()) << FailureOf(pair.client);
}

// --- Application protocols ---

const Bytes kSunrpc = {'s', 'u', 'n', 'r', 'p', 'c'};

TEST(RequiredProtocol, IsAgreedOnWhenBothHaveIt) {
  const World world;
  LocalPeerSetup client = world.Client();
  client.client.alpn_protocols = {kSunrpc};
  client.client.require_alpn = true;
  LocalPeerSetup server = world.Server();
  server.server.alpn_protocols = {kSunrpc};
  server.server.require_alpn = true;
  const Pair pair = Handshake(client, server);
  EXPECT_TRUE(pair.client.done()) << FailureOf(pair.client);
  EXPECT_EQ(pair.server.engine().info().alpn_protocol, kSunrpc);
}

TEST(RequiredProtocol, AServerThatChoosesNoneIsRefused) {
  const World world;
  LocalPeerSetup client = world.Client();
  client.client.alpn_protocols = {kSunrpc};
  client.client.require_alpn = true;
  const Pair pair = Handshake(client, world.Server());
  EXPECT_EQ(FailureOf(pair.client), "no_application_protocol");
}

TEST(RequiredProtocol, AClientThatOffersNoneIsRefused) {
  const World world;
  LocalPeerSetup server = world.Server();
  server.server.alpn_protocols = {kSunrpc};
  server.server.require_alpn = true;
  const Pair pair = Handshake(world.Client(), server);
  EXPECT_EQ(FailureOf(pair.server), "no_application_protocol");
}

}  // namespace
}  // namespace ktlsd::handshake
