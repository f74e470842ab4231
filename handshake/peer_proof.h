// What a peer sends to prove who it is.
//
// Layer:     handshake.
#pragma once

#include <optional>
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
  // The DER OCSP response that came with the end entity's certificate (RFC
  // 8446 section 4.4.2.1). Responses for other certificates are not kept:
  // nobody has to send them, and CRLs cover authorities.
  std::optional<Bytes> ocsp_response = std::nullopt;
};

}  // namespace ktlsd::handshake
