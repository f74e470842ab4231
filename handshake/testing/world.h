// Everything that the two ends of a mutual handshake need, and a handshake
// between them.
//
// Layer:     handshake/testing.
// Threads:   a World may be read by several threads.
#pragma once

#include <string_view>

#include "handshake/credential.h"
#include "handshake/peer_verifier.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {

class World {
 public:
  // `kind` is that of both ends' keys. Ed25519 signatures have one length, and
  // so then have the flights.
  explicit World(KeyKind kind = KeyKind::kEcdsaP256);

  // Setups that point into this world. The client expects "server.example";
  // the server asks for a certificate.
  LocalPeerSetup Client() const;
  LocalPeerSetup Server() const;

  const Credential& server_credential() const { return server_; }
  const TrustStore& trust() const { return trust_; }
  const TestPki& pki() const { return pki_; }

 private:
  TestPki pki_;
  Credential server_;
  Credential client_;
  TrustStore trust_;
};

struct Pair {
  LocalPeer client;
  LocalPeer server;
};

// Connects a client and a server of these setups until both are over.
Pair Handshake(const LocalPeerSetup& client, const LocalPeerSetup& server,
               const Wire& wire = {});

// The label of what ended `peer`, or "none".
std::string_view FailureOf(const LocalPeer& peer);

}  // namespace ktlsd::handshake
