// The server's states behind its ServerHello (RFC 8446 appendix A.2). The table
// is in states.h; the states before are in server_start.h.
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

class AwaitServerSignature;
class AwaitClientCertificate;
class AwaitClientProof;
class AwaitClientVerdict;
class AwaitClientFinished;

// What is left when the server's flight is out: the session waits for the
// client's Finished.
struct ServerProgress {
  Session session;
  Transcript transcript;
  HashSecret client_finished;
};

// Queues the server's Finished and switches our side of the channel to the
// application keys; `transcript` covers all messages before.
Result<ServerProgress> FinishServerFlight(HandshakeInfo info,
                                          Transcript transcript,
                                          HandshakeKeys keys, Channel& channel);

// ServerHello to Certificate are queued; the CertificateVerify needs the key.
class AwaitServerSignature {
 public:
  const HandshakeInfo& info() const { return info_; }
  const SignatureRequest& request() const { return request_; }

  using Next = std::variant<AwaitClientCertificate, AwaitClientFinished>;
  Result<Next> Sign(ByteView signature, Channel& channel) &&;

 private:
  friend class ServerAnswer;  // handshake/server_start.cc
  AwaitServerSignature(ClientAuth client_auth, HandshakeInfo info,
                       Transcript transcript, HandshakeKeys keys,
                       SignatureRequest request)
      : client_auth_(client_auth),
        info_(std::move(info)),
        transcript_(std::move(transcript)),
        keys_(std::move(keys)),
        request_(request) {}

  ClientAuth client_auth_;
  HandshakeInfo info_;
  Transcript transcript_;
  HandshakeKeys keys_;
  SignatureRequest request_;
};

class AwaitClientCertificate {
 public:
  using Next = std::variant<AwaitClientProof, AwaitClientFinished>;
  // Errors: kCertificateRequired for an empty one where it is required.
  Result<Next> Receive(const HandshakeMessage& message) &&;

 private:
  friend class AwaitServerSignature;
  AwaitClientCertificate(ClientAuth client_auth, ServerProgress progress)
      : client_auth_(client_auth), progress_(std::move(progress)) {}

  ClientAuth client_auth_;
  ServerProgress progress_;
};

class AwaitClientProof {
 public:
  Result<AwaitClientVerdict> Receive(const HandshakeMessage& message) &&;

 private:
  friend class AwaitClientCertificate;
  AwaitClientProof(ServerProgress progress, PeerProof proof)
      : progress_(std::move(progress)), proof_(std::move(proof)) {}

  ServerProgress progress_;
  PeerProof proof_;  // without signature
};

class AwaitClientVerdict {
 public:
  const HandshakeInfo& info() const { return progress_.session.info; }
  const PeerProof& proof() const { return proof_; }
  AwaitClientFinished Accept(PeerVerified verified) &&;

 private:
  friend class AwaitClientProof;
  AwaitClientVerdict(ServerProgress progress, PeerProof proof)
      : progress_(std::move(progress)), proof_(std::move(proof)) {}

  ServerProgress progress_;
  PeerProof proof_;
};

class AwaitClientFinished {
 public:
  Result<Completed> Receive(const HandshakeMessage& message,
                            const Channel& channel) &&;

 private:
  friend class AwaitServerPskSecret;  // handshake/server_start.h
  friend class AwaitServerSignature;
  friend class AwaitClientCertificate;
  friend class AwaitClientVerdict;
  AwaitClientFinished(ServerProgress progress, ClientStanding)
      : progress_(std::move(progress)) {}

  ServerProgress progress_;
};

}  // namespace ktlsd::handshake
