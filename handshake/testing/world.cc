#include "handshake/testing/world.h"

#include "base/error_codes.h"
#include "handshake/config.h"
#include "handshake/server_name.h"

namespace ktlsd::handshake {
namespace {

constexpr std::string_view kServerName = "server.example";

Credential CredentialOf(const TestPki& pki, const TestCertificate& end) {
  return Credential::FromPem(BytesOf(pki.ChainPemOf(end)),
                             BytesOf(end.key_pem()))
      .value();
}

}  // namespace

World::World(KeyKind kind)
    : pki_(MakeTestPki(kind)),
      server_(CredentialOf(pki_, pki_.server)),
      client_(CredentialOf(pki_, pki_.client)),
      trust_(TrustStore::FromPem(BytesOf(pki_.root.pem()), {}).value()) {}

LocalPeerSetup World::Client() const {
  LocalPeerSetup setup;
  setup.credentials = {&client_};
  setup.trust = &trust_;
  setup.policy = {Role::kServer, {*ServerName::Parse(kServerName)}, kTestNow};
  setup.client.server_name = kServerName;
  return setup;
}

LocalPeerSetup World::Server() const {
  LocalPeerSetup setup;
  setup.credentials = {&server_};
  setup.trust = &trust_;
  setup.policy = {Role::kClient, {}, kTestNow};
  setup.server.client_auth = ClientAuth::kRequest;
  return setup;
}

Pair Handshake(const LocalPeerSetup& client, const LocalPeerSetup& server,
               const Wire& wire) {
  Pair pair{LocalPeer::Client(client), LocalPeer::Server(server)};
  Connect(pair.client, pair.server, wire);
  return pair;
}

std::string_view FailureOf(const LocalPeer& peer) {
  return peer.failure() == nullptr ? "none"
                                   : Describe(peer.failure()->error.code).label;
}

}  // namespace ktlsd::handshake
