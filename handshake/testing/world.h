// Everything that the two ends of a mutual handshake need, and a handshake
// between them.
//
// Layer:     handshake/testing.
// Threads:   a World may be read by several threads.
#pragma once

#include <string_view>

#include "handshake/credential.h"
#include "handshake/local_psks.h"
#include "handshake/peer_verifier.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {

// How a handshake goes, beside what every one has.
struct Variant {
  // External PSKs and no certificates: the client offers one of SHA-384 and one
  // of SHA-256, of which the server has the latter.
  bool psk = false;
  bool retry = false;              // the server wants another group
  bool record_size_limit = false;  // both ends negotiate it
};

struct Setups {
  LocalPeerSetup client;
  LocalPeerSetup server;
};

class World {
 public:
  // `kind` is that of both ends' keys. Ed25519 signatures have one length, and
  // so then have the flights.
  explicit World(KeyKind kind = KeyKind::kEcdsaP256);

  // Setups that point into this world. The client expects "server.example";
  // the server asks for a certificate.
  LocalPeerSetup Client() const;
  LocalPeerSetup Server() const;
  // The same for both ends of a variant, with X25519, or P-256 behind a
  // HelloRetryRequest, whatever else libcrypto has.
  Setups Both(const Variant& variant) const;

  const Credential& server_credential() const { return server_; }
  const TrustStore& trust() const { return trust_; }
  const TestPki& pki() const { return pki_; }

 private:
  TestPki pki_;
  Credential server_;
  Credential client_;
  TrustStore trust_;
  LocalPsks client_psks_;
  LocalPsks server_psks_;
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
