// What a peer sends to prove who it is.
//
// Layer:     handshake.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "handshake/crypto/digest.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// A certificate chain and the CertificateVerify over one handshake's
// transcript (RFC 8446 section 4.4), unchecked.
struct PeerProof {
  std::vector<Bytes> chain;  // DER, end entity first
  SignatureScheme scheme{};
  HashValue transcript_hash;
  Bytes signature;
};

}  // namespace ktlsd::handshake
