#include "handshake/testing/world.h"

#include "base/bytes.h"
#include "base/error_codes.h"
#include "handshake/config.h"
#include "handshake/server_name.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

constexpr std::string_view kServerName = "server.example";
constexpr std::string_view kPskOfClient = "NVMe1R02 host.example sub.example";
constexpr std::string_view kPskOfBoth = "host.example";

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
      trust_(TrustStore::FromPem(BytesOf(pki_.root.pem()), {}).value()) {
  const Bytes key(32, 7);
  client_psks_.Add(BytesOf(kPskOfClient), Bytes(48, 8)).value();
  client_psks_.Add(BytesOf(kPskOfBoth), key).value();
  server_psks_.Add(BytesOf(kPskOfBoth), key).value();
}

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

Setups World::Both(const Variant& variant) const {
  Setups setups{Client(), Server()};
  ClientConfig& client = setups.client.client;
  ServerConfig& server = setups.server.server;
  if (variant.psk) {
    setups.client = {};
    setups.client.psks = &client_psks_;
    setups.server = {};
    setups.server.psks = &server_psks_;
    server.psk = PskPolicy::kRequire;
  }
  client.groups = {NamedGroup::kX25519, NamedGroup::kSecp256r1};
  client.share_groups = {NamedGroup::kX25519};
  server.groups = {variant.retry ? NamedGroup::kSecp256r1
                                 : NamedGroup::kX25519};
  client.record_size_limit = variant.record_size_limit;
  server.record_size_limit = variant.record_size_limit;
  return setups;
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
