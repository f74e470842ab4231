// What two ends of a handshake need, made once for a fuzzer.
//
// Scope:     Ed25519 keys, whose signatures have one length: so have the
//            flights.
// Layer:     handshake/testing.
// Threads:   made by the first call of Get.
#pragma once

#include <source_location>

#include "handshake/credential.h"
#include "handshake/peer_verifier.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {

// Stops the fuzzer, and says where, unless `holds`.
void Require(bool holds,
             std::source_location where = std::source_location::current());

class FuzzWorld {
 public:
  static const FuzzWorld& Get();

  LocalPeerSetup Client() const;
  LocalPeerSetup Server() const;  // asks for a certificate

 private:
  FuzzWorld();

  TestPki pki_;
  Credential server_;
  Credential client_;
  TrustStore trust_;
};

}  // namespace ktlsd::handshake
