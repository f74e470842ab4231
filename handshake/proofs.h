// Proofs about the peer that the states of a handshake ask for.
//
// Scope:     types without data. Who can make a PeerVerified or a PskVerified
// is
//            decided by the visibility of the build target
//            //handshake:verdict_source.
// Layer:     handshake.
#pragma once

#include <variant>

namespace ktlsd::handshake {

// Proof that the peer's certificate and its CertificateVerify were accepted
// for this handshake. Made from a verifier's answer.
class [[nodiscard]] PeerVerified {
 public:
  PeerVerified(PeerVerified&&) noexcept = default;
  PeerVerified& operator=(PeerVerified&&) noexcept = default;

 private:
  friend class VerdictSource;  // handshake/verdict_source.h
  PeerVerified() = default;
};

// Proof that a server's client need not show a certificate and showed none.
class [[nodiscard]] PeerAnonymousByPolicy {
 public:
  PeerAnonymousByPolicy(PeerAnonymousByPolicy&&) noexcept = default;
  PeerAnonymousByPolicy& operator=(PeerAnonymousByPolicy&&) noexcept = default;

 private:
  friend class AwaitClientCertificate;  // handshake/server.h
  friend class AwaitServerSignature;    // handshake/server.h
  PeerAnonymousByPolicy() = default;
};

// Proof that a client's binder is that of the PSK which it is to have. Made
// from the answer of whoever holds the PSK.
class [[nodiscard]] PskVerified {
 public:
  PskVerified(PskVerified&&) noexcept = default;
  PskVerified& operator=(PskVerified&&) noexcept = default;

 private:
  friend class VerdictSource;  // handshake/verdict_source.h
  PskVerified() = default;
};

// Proof that the handshake's secrets come from an external PSK: the peer's
// Finished then shows that it has the PSK too.
class [[nodiscard]] PskAgreed {
 public:
  PskAgreed(PskAgreed&&) noexcept = default;
  PskAgreed& operator=(PskAgreed&&) noexcept = default;

 private:
  friend class AwaitClientPskSecret;  // handshake/client_start.h
  friend class AwaitServerPskSecret;  // handshake/server_start.h
  PskAgreed() = default;
};

// What a side must know of its peer before the peer's Finished counts.
using ServerStanding = std::variant<PeerVerified, PskAgreed>;
using ClientStanding =
    std::variant<PeerVerified, PeerAnonymousByPolicy, PskAgreed>;

}  // namespace ktlsd::handshake
