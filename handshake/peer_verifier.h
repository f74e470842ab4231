// Decides whether a peer's certificate chain and its CertificateVerify are
// what a handshake needs: path, time, purpose, key usage, strength, name,
// signature.
//
// Scope:     the path is built and checked by libcrypto (X509_STORE_CTX);
//            TLS rules that libcrypto does not know are checked here. Reads no
//            file and no clock.
// Layer:     handshake. Runs in the daemon's verifier process, and inside
//            embedding programs.
// Threads:   a TrustStore may be shared by threads once made; Verify is
//            const.
// Design:    docs/design/own-core.md
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "handshake/peer_proof.h"
#include "handshake/server_name.h"
#include "handshake/validity_window.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// What is expected of a peer's stapled OCSP response. One that came is checked
// in every case, and a bad one refuses the peer (RFC 6066 section 8).
enum class Stapling : uint8_t {
  kNotAsked,  // the peer was not asked for one
  kAsked,     // a certificate with must-staple (RFC 7633) needs one
  kRequired,  // every peer needs one
};

// Rules for certificates beyond those of TLS.
enum class CertificateProfile : uint8_t {
  kTls,
  // RFC 9289 section 5.2.1: the end entity names id-kp-rpcTLSServer (or Client)
  // among its key purposes, and no wildcard matches, whatever `wildcards` says.
  kRpcWithTls,
};

// What one handshake asks of its peer's certificate.
struct PeerPolicy {
  Role peer;  // kServer: EKU serverAuth; kClient: EKU clientAuth
  // Checked against subjectAltName only (RFC 9525: no CN fallback), with the
  // name constraints of the chain. Required when peer is kServer.
  std::vector<ServerName> names;  // empty, or one: any of these must match
  CalendarTime now;
  Wildcards wildcards = Wildcards::kLeftmostLabel;
  Stapling stapling = Stapling::kNotAsked;
  CertificateProfile profile = CertificateProfile::kTls;
};

// What can be said of a verified peer. Text from the certificate is escaped
// (RFC 2253 form, ASCII) and capped at 255 characters.
struct VerifiedPeer {
  std::string subject;
  std::string issuer;
};

// A refusal, with the subject where one could be read.
struct Refusal {
  Error error;
  std::string subject;  // escaped, capped; may be empty
  std::string detail;   // libcrypto's words ("certificate has expired"), depth
};

// A chain that a TrustStore accepted: a path from it to an anchor, for an end
// entity that suits the role and the profile of a policy. What is left to do
// belongs to one handshake. It may be kept, by whoever knows when it ends.
// Move-only.
class VerifiedChain {
 public:
  VerifiedChain(VerifiedChain&&) noexcept;
  VerifiedChain& operator=(VerifiedChain&&) noexcept;
  ~VerifiedChain();

  // Outside of it the store may say something else, unless it is another one.
  const ValidityWindow& window() const;
  // Bytes of the path in DER.
  std::size_t size() const;

  // Checks the rest of `proof`, whose chain is the one that was verified: name,
  // OCSP response, CertificateVerify.
  // Errors: kApiMisuse for a policy of another role or profile.
  std::variant<VerifiedPeer, Refusal> Check(const PeerPolicy& policy,
                                            const PeerProof& proof) const;

 private:
  friend class TrustStore;
  struct State;
  explicit VerifiedChain(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Trust anchors and revocation lists, parsed once, immutable.
class TrustStore {
 public:
  // `anchors_pem`: one or more PEM certificates. `crls_pem`: none, or PEM
  // CRLs; when there is at least one, every certificate of a path must be
  // covered by a valid CRL.
  // Errors: kTrustStoreUnusable no certificate in it, or one that does not
  //         parse, or a PEM block of another kind (fail closed: the whole
  //         store is refused);
  //         kCrlUnusable the same for the CRLs.
  // An empty `crls_pem` means that no revocation list is configured: a
  // configured file that is empty is the caller's to refuse.
  static Result<TrustStore> FromPem(ByteView anchors_pem, ByteView crls_pem);
  TrustStore(TrustStore&&) noexcept;
  TrustStore& operator=(TrustStore&&) noexcept;
  ~TrustStore();

  std::size_t anchor_count() const;

  // Checks `proof` against `policy`. The order of checks: chain size, parse,
  // path (signatures, time, CRLs, name constraints, strength: at least 112
  // bits, so RSA 2048), EKU, keyUsage and kind of key of the end certificate,
  // name, OCSP response (handshake/x509/ocsp.h), CertificateVerify. Partial
  // chains are not accepted. What an EKU allows: handshake/x509/usage.h.
  // Cost:   independent of the number of anchors; at most kMaxChainLength
  //         certificates of kMaxCertificateMessage bytes are looked at, and
  //         kMaxNameComparisons (handshake/x509/name_limits.h) are made.
  std::variant<VerifiedPeer, Refusal> Verify(const PeerPolicy& policy,
                                             const PeerProof& proof) const;

  // The part of it that does not depend on the handshake: everything before
  // the name. Verify is this and VerifiedChain::Check.
  std::variant<VerifiedChain, Refusal> VerifyChain(
      const PeerPolicy& policy, const std::vector<Bytes>& chain) const;

 private:
  struct State;
  explicit TrustStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ktlsd::handshake
