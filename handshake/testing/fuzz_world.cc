#include "handshake/testing/fuzz_world.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

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

void Require(bool holds, std::source_location where) {
  if (!holds) {
    std::fprintf(stderr, "%s:%u: does not hold\n", where.file_name(),
                 static_cast<unsigned>(where.line()));
    std::abort();
  }
}

const FuzzWorld& FuzzWorld::Get() {
  static const FuzzWorld kWorld;
  return kWorld;
}

FuzzWorld::FuzzWorld()
    : pki_(MakeTestPki(KeyKind::kEd25519)),
      server_(CredentialOf(pki_, pki_.server)),
      client_(CredentialOf(pki_, pki_.client)),
      trust_(TrustStore::FromPem(BytesOf(pki_.root.pem()), {}).value()) {}

LocalPeerSetup FuzzWorld::Client() const {
  LocalPeerSetup setup;
  setup.credential = &client_;
  setup.trust = &trust_;
  setup.policy = {Role::kServer, {*ServerName::Parse(kServerName)}, kTestNow};
  setup.client.server_name = kServerName;
  return setup;
}

LocalPeerSetup FuzzWorld::Server() const {
  LocalPeerSetup setup;
  setup.credential = &server_;
  setup.trust = &trust_;
  setup.policy = {Role::kClient, {}, kTestNow};
  setup.server.client_auth = ClientAuth::kRequest;
  return setup;
}

}  // namespace ktlsd::handshake
