// Which of our certificates to show a peer, and the scheme to sign with.
//
// Scope:     what a chain is like is read once (DescribeChain); the choice
//            compares that with the peer's wishes. Reads no key.
// Layer:     handshake.
// Threads:   pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/codec/messages.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// What a choice looks at in a chain of ours.
struct ChainFacts {
  // How the certificates are signed, but self-signed ones, which no peer
  // verifies (RFC 8446 section 4.2.3). SignatureScheme{} is a signature that
  // TLS 1.3 has no number for (SHA-1). A certificate does not tell its issuer's
  // curve or kind of RSA key: ECDSA goes by its digest, and RSASSA-PSS is
  // rsa_pss_rsae, equal to rsa_pss_pss here.
  std::vector<SignatureScheme> signatures;
  std::vector<Bytes> issuers;  // DER names, one for each certificate
  // Of the end entity; none where it lacks the extension.
  std::optional<Bytes> key_usage;              // the bits, first bit highest
  std::optional<std::vector<Bytes>> purposes;  // OIDs, DER without tag, length
};

// Reads `chain` (DER, end entity first). Takes about as long as its parsing.
// Errors: kCertificateUnusable for one that is empty or does not parse.
Result<ChainFacts> DescribeChain(std::span<const Bytes> chain);

struct CertificateCandidate {
  std::vector<SignatureScheme> schemes;  // the key's, best first
  ChainFacts facts;
};

// From a CertificateRequest or a ClientHello.
struct PeerWishes {
  std::vector<SignatureScheme> signature_algorithms = {};
  // Empty: signature_algorithms stands for it (RFC 8446 section 4.2.3).
  std::vector<SignatureScheme> signature_algorithms_cert = {};
  std::vector<Bytes> certificate_authorities = {};  // DER names; empty: any
  std::vector<OidFilter> oid_filters = {};          // of a CertificateRequest
};

struct CertificateChoice {
  std::size_t index;       // among the candidates
  SignatureScheme scheme;  // for CertificateVerify
};

// Chooses for us as `signer`; among equals the first candidate, with the first
// of its schemes that the peer takes.
//   kClient  every wish binds (RFC 8446 section 4.4.2.3): signatures,
//            authorities, filters. Filters for other extensions than keyUsage
//            and extendedKeyUsage are ignored (section 4.2.5).
//   kServer  the key must have a scheme that the peer takes. A chain that fits
//            its signatures is preferred, then one under its authorities, but
//            a chain of our choice is better than none (section 4.4.2.2).
// Nothing when no candidate suits. kDecodeError for a filter that we would
// heed and that does not parse.
Result<std::optional<CertificateChoice>> ChooseCertificate(
    std::span<const CertificateCandidate> candidates, const PeerWishes& wishes,
    Role signer);

}  // namespace ktlsd::handshake
