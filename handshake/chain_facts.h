// What our own certificate chain is like, for choosing by a peer's wishes.
//
// Scope:     read once for a credential, when it is loaded; no handshake parses
//            a chain of ours.
// Layer:     handshake.
// Threads:   pure functions.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// What a choice looks at in a chain of ours.
struct ChainFacts {
  // How the certificates are signed, but self-signed ones, which no peer
  // verifies (RFC 8446 section 4.2.3). SignatureScheme{} is a signature that
  // TLS 1.3 has no number for (SHA-1). A certificate does not tell its issuer's
  // curve or kind of RSA key: ECDSA goes by its digest, and RSASSA-PSS is
  // rsa_pss_rsae, equal to rsa_pss_pss here.
  std::vector<SignatureScheme> signatures = {};
  std::vector<Bytes> issuers = {};  // DER names, one for each certificate
  // Of the end entity; none where it lacks the extension.
  std::optional<Bytes> key_usage = {};  // the bits, first bit highest
  // OIDs, DER without tag and length.
  std::optional<std::vector<Bytes>> purposes = {};
};

// Reads `chain` (DER, end entity first). Takes about as long as its parsing.
// Errors: kCertificateUnusable for one that is empty or does not parse.
Result<ChainFacts> DescribeChain(std::span<const Bytes> chain);

}  // namespace ktlsd::handshake
