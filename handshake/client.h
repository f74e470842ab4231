// The client's states behind the ServerHello (RFC 8446 appendix A.1). The table
// is in states.h; the states before are in client_start.h.
//
// Scope:     messages in, messages out through the Channel. On an error the
//            state is gone and the caller sends the alert.
// Layer:     handshake.
// Threads:   move-only values.
#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/channel.h"
#include "handshake/codec/handshake_assembler.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/key_schedule.h"
#include "handshake/peer_proof.h"
#include "handshake/proofs.h"
#include "handshake/states.h"

namespace ktlsd::handshake {

class AwaitEncryptedExtensions;
class AwaitServerCertificate;
class AwaitServerProof;
class AwaitServerVerdict;
class AwaitServerFinished;
class AwaitClientSignature;

// What every client state after the ServerHello carries on.
struct ClientProgress {
  LocalCertificates certificates;
  ClientHello offer;  // to check answers against
  HandshakeInfo info;
  Transcript transcript;
  bool require_alpn = false;
  bool must_show_certificate = false;
};

class AwaitEncryptedExtensions {
 public:
  const HandshakeInfo& info() const { return progress_.info; }
  using Next = std::variant<AwaitServerCertificate, AwaitServerFinished>;
  Result<Next> Receive(const HandshakeMessage& message, Channel& channel) &&;

 private:
  friend class AwaitServerHello;
  friend class AwaitClientPskSecret;
  // Switches the channel to the keys of `schedule`. Without `psk` the server
  // must show a certificate.
  static Result<AwaitEncryptedExtensions> Start(ClientProgress progress,
                                                HandshakeSchedule schedule,
                                                std::optional<PskAgreed> psk,
                                                Channel& channel);
  AwaitEncryptedExtensions(ClientProgress progress, HandshakeKeys keys,
                           std::optional<PskAgreed> psk)
      : progress_(std::move(progress)),
        keys_(std::move(keys)),
        psk_(std::move(psk)) {}

  ClientProgress progress_;
  HandshakeKeys keys_;
  std::optional<PskAgreed> psk_;
};

class AwaitServerCertificate {
 public:
  using Next = std::variant<AwaitServerCertificate, AwaitServerProof>;
  Result<Next> Receive(const HandshakeMessage& message) &&;

 private:
  friend class AwaitEncryptedExtensions;
  AwaitServerCertificate(ClientProgress progress, HandshakeKeys keys)
      : progress_(std::move(progress)), keys_(std::move(keys)) {}
  Result<Next> OnRequest(const HandshakeMessage& message);

  ClientProgress progress_;
  HandshakeKeys keys_;
  std::optional<CertificateRequest> request_;
};

class AwaitServerProof {
 public:
  Result<AwaitServerVerdict> Receive(const HandshakeMessage& message) &&;

 private:
  friend class AwaitServerCertificate;
  AwaitServerProof(ClientProgress progress, HandshakeKeys keys,
                   std::optional<CertificateRequest> request, PeerProof proof)
      : progress_(std::move(progress)),
        keys_(std::move(keys)),
        request_(std::move(request)),
        proof_(std::move(proof)) {}

  ClientProgress progress_;
  HandshakeKeys keys_;
  std::optional<CertificateRequest> request_;
  PeerProof proof_;  // without signature
};

class AwaitServerVerdict {
 public:
  const HandshakeInfo& info() const { return progress_.info; }
  const PeerProof& proof() const { return proof_; }
  AwaitServerFinished Accept(PeerVerified verified) &&;

 private:
  friend class AwaitServerProof;
  AwaitServerVerdict(ClientProgress progress, HandshakeKeys keys,
                     std::optional<CertificateRequest> request, PeerProof proof)
      : progress_(std::move(progress)),
        keys_(std::move(keys)),
        request_(std::move(request)),
        proof_(std::move(proof)) {}

  ClientProgress progress_;
  HandshakeKeys keys_;
  std::optional<CertificateRequest> request_;
  PeerProof proof_;
};

// Behind Completed, for a client by PSK whose server does not speak first: what
// comes before our first data can only be tickets (RFC 8446 section 4.6.1).
// They are forgotten, and their records are counted in the session's keys.
class AwaitTicket {
 public:
  static Result<AwaitTicket> Begin(Completed completed, Channel& channel);
  using Next = std::variant<AwaitTicket, Completed>;
  Result<Next> Receive(const HandshakeMessage& message, Channel& channel) &&;

 private:
  explicit AwaitTicket(Completed completed)
      : completed_(std::move(completed)) {}
  Completed completed_;
};

class AwaitServerFinished {
 public:
  using Next = std::variant<AwaitClientSignature, Completed>;
  Result<Next> Receive(const HandshakeMessage& message, Channel& channel) &&;

 private:
  friend class AwaitEncryptedExtensions;
  friend class AwaitServerVerdict;
  AwaitServerFinished(ClientProgress progress, HandshakeKeys keys,
                      std::optional<CertificateRequest> request, ServerStanding)
      : progress_(std::move(progress)),
        keys_(std::move(keys)),
        request_(std::move(request)) {}
  Status CheckFinished(const HandshakeMessage& message);
  Result<Session> Keys();
  Result<std::optional<SigningChoice>> Choose() const;

  ClientProgress progress_;
  HandshakeKeys keys_;
  std::optional<CertificateRequest> request_;
};

class AwaitClientSignature {
 public:
  const SignatureRequest& request() const { return request_; }
  Result<Completed> Sign(ByteView signature, Channel& channel) &&;

 private:
  friend class AwaitServerFinished;
  AwaitClientSignature(Transcript transcript, HashSecret finished_key,
                       SignatureRequest request, Completed completed)
      : transcript_(std::move(transcript)),
        finished_key_(std::move(finished_key)),
        request_(request),
        completed_(std::move(completed)) {}

  Transcript transcript_;
  HashSecret finished_key_;
  SignatureRequest request_;
  Completed completed_;  // given out only with our signature and Finished sent
};

}  // namespace ktlsd::handshake
