// What each side brings to a handshake, and what it has learned at its end.
//
// Scope:     values. Private keys, trust stores and names to verify are not
//            here: signing and verifying are the caller's (see engine.h).
// Layer:     handshake.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/session_keys.h"
#include "base/shared.h"
#include "handshake/chain_facts.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/key_share.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// A certificate of ours without its key. A side may have several, best first,
// with keys of different kinds: it shows the first that suits the peer's wishes
// (certificate_choice.h). With a post-quantum one before a classic one, old
// peers still get what they can verify.
struct LocalCertificate {
  std::vector<Bytes> chain;  // DER, end entity first
  std::vector<SignatureScheme>
      schemes;  // that the key can sign with, best first
  // A DER OCSP response about the end entity, for peers that ask for one (RFC
  // 8446 section 4.4.2.1); not looked into.
  std::optional<Bytes> ocsp_response = std::nullopt;
  // Of `chain`, by DescribeChain. Without them nothing is known of it but its
  // key: a client does not show it to a server that names authorities or has
  // filters.
  ChainFacts facts = {};
};

// Each is shared by the handshakes that may show it.
using LocalCertificates = std::vector<Shared<LocalCertificate>>;

// How we prove who we are.
struct SigningChoice {
  std::size_t certificate = 0;  // which of the configuration's, from 0
  SignatureScheme scheme{};
};

// Suites by preference: the kernel's fastest first.
inline const std::vector<CipherSuite>& DefaultSuites() {
  static const std::vector<CipherSuite> suites = {
      CipherSuite::kAes256GcmSha384, CipherSuite::kAes128GcmSha256,
      CipherSuite::kChaCha20Poly1305Sha256, CipherSuite::kAes128CcmSha256};
  return suites;
}

inline std::vector<NamedGroup> DefaultGroups() {
  const auto groups = SupportedGroups();
  return {groups.begin(), groups.end()};
}

// The name of an external PSK and the hash it is for. The PSK itself stays with
// the caller, who is asked for what is computed from it (psk_wait.h).
struct PskName {
  Bytes identity;  // 1 to 65535 bytes
  HashAlgorithm hash{};
};

// The best group, and where that is a hybrid, which older servers do not know,
// the best other one: they would need a HelloRetryRequest.
inline std::vector<NamedGroup> DefaultShares(
    const std::vector<NamedGroup>& groups) {
  std::vector<NamedGroup> shares(groups.begin(),
                                 groups.begin() + (groups.empty() ? 0 : 1));
  const auto classic = std::ranges::find_if_not(groups, IsHybrid);
  if (classic != groups.end() && classic != groups.begin()) {
    shares.push_back(*classic);
  }
  return shares;
}

struct ClientConfig {
  // For server_name; empty when the server is known by an IP address (RFC 6066
  // section 3 forbids literals) and then nothing is sent.
  std::string server_name;
  std::vector<CipherSuite> suites = DefaultSuites();
  std::vector<NamedGroup> groups = DefaultGroups();
  // Of `groups`, those a key share is sent for at once: one or more, each once
  // and in the order of `groups`.
  std::vector<NamedGroup> share_groups = DefaultShares(groups);
  std::vector<Bytes> alpn_protocols;
  bool require_alpn = false;  // refuse a server that chooses none of them
  // Ask the server for an OCSP response; PeerPolicy::stapling says what it must
  // be like.
  bool request_ocsp = false;
  LocalCertificates certificates;  // empty: none to show
  // Refuse a server that asks for none of `certificates`.
  bool must_show_certificate = false;
  // External PSKs to offer, best first, only with (EC)DHE. With any, the server
  // must choose one: no certificate is asked for or shown, and the suites are
  // narrowed to the hashes of the PSKs.
  std::vector<PskName> psks;
  // RFC 8446 section D.4: session id and change_cipher_spec, so that old
  // middleboxes take the connection for TLS 1.2.
  bool middlebox_compatibility = true;
  // Whether to negotiate the size of records (RFC 8449): only where the kernel
  // will keep to the peer's limit (ktls::Capabilities::payload_limit). Ours is
  // the protocol's own: kernels do not enforce a smaller one.
  bool record_size_limit = false;
};

enum class ClientAuth : uint8_t {
  kNone,     // no CertificateRequest
  kRequest,  // verified when sent
  kRequire,  // refused without one
};

enum class PskPolicy : uint8_t {
  kIgnore,   // certificates only
  kAllow,    // a PSK that the caller knows, else our certificate
  kRequire,  // refused without one
};

// Chosen by the caller from the ClientHello.
struct ServerConfig {
  LocalCertificates certificates;
  std::vector<CipherSuite> suites = DefaultSuites();  // by our preference
  std::vector<NamedGroup> groups = DefaultGroups();
  // Has no effect on a handshake with a PSK, which asks for no certificate.
  ClientAuth client_auth = ClientAuth::kNone;
  // DER names that a CertificateRequest gives (RFC 8446 section 4.2.4), for
  // clients with several certificates. Empty: none, any issuer will do.
  std::vector<Bytes> certificate_authorities;
  PskPolicy psk = PskPolicy::kIgnore;
  bool record_size_limit = false;  // as ClientConfig's
  // Protocols we speak, best first; the client's offer decides. Empty: ALPN is
  // ignored. With an offer and no match: no_application_protocol.
  std::vector<Bytes> alpn_protocols;
  bool require_alpn = false;  // refuse a client that offers none at all
};

// What was agreed on.
struct HandshakeInfo {
  CipherSuite suite{};
  NamedGroup group{};
  bool hello_retry = false;
  bool certificate_requested = false;  // the server asked its client for one
  std::optional<SignatureScheme> our_scheme;   // we showed a certificate
  std::optional<SignatureScheme> peer_scheme;  // the peer did, and it holds
  std::optional<Bytes> alpn_protocol;
  std::optional<Bytes> psk_identity;   // of the PSK that was agreed on
  std::optional<uint16_t> send_limit;  // bytes; as SessionKeys has it
};

// The end of a successful handshake.
struct Session {
  SessionKeys keys;
  HandshakeInfo info;
  HashSecret exporter_master;  // for ExportKeyingMaterial (key_schedule.h)
};

}  // namespace ktlsd::handshake
