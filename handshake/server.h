// The server's states (RFC 8446 appendix A.2). The table is in states.h.
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

class AwaitServerConfig;
class AwaitSecondHello;
class AwaitServerSignature;
class AwaitClientCertificate;
class AwaitClientProof;
class AwaitClientVerdict;
class AwaitClientFinished;

// The first state of a server; it needs nothing, not even a configuration.
class AwaitClientHello {
 public:
  AwaitClientHello() = default;
  AwaitClientHello(AwaitClientHello&&) noexcept = default;
  AwaitClientHello& operator=(AwaitClientHello&&) noexcept = default;

  // Errors: kProtocolVersion, kMissingExtension, and the parser's.
  Result<AwaitServerConfig> Receive(const HandshakeMessage& message,
                                    Channel& channel) &&;
};

// The ClientHello is there; the caller chooses how to answer it.
class AwaitServerConfig {
 public:
  AwaitServerConfig(AwaitServerConfig&&) noexcept = default;
  AwaitServerConfig& operator=(AwaitServerConfig&&) noexcept = default;

  const ClientHello& hello() const { return hello_; }

  using Next = std::variant<AwaitServerSignature, AwaitSecondHello>;
  // Errors: kNoCommonCipherSuite, kNoCommonGroup, kNoCommonSignatureScheme,
  //         kNoApplicationProtocol, kNoCertificateConfigured.
  Result<Next> Configure(ServerConfig config, Channel& channel) &&;

 private:
  friend class AwaitClientHello;
  AwaitServerConfig(ClientHello hello, Bytes hello_bytes)
      : hello_(std::move(hello)), hello_bytes_(std::move(hello_bytes)) {}

  ClientHello hello_;
  Bytes hello_bytes_;
};

// What the first hello and the configuration decided.
struct ServerChoice {
  ServerConfig config;
  CipherSuite suite{};
  NamedGroup group{};
  SignatureScheme scheme{};
  std::optional<Bytes> alpn_protocol;
};

// A HelloRetryRequest was sent.
class AwaitSecondHello {
 public:
  // Errors: kIllegalParameter when the second hello differs from the first in
  //         more than RFC 8446 section 4.1.2 allows.
  Result<AwaitServerSignature> Receive(const HandshakeMessage& message,
                                       Channel& channel) &&;

 private:
  friend class AwaitServerConfig;
  AwaitSecondHello(ServerChoice choice, Bytes unchanging, Transcript transcript)
      : choice_(std::move(choice)),
        unchanging_(std::move(unchanging)),
        transcript_(std::move(transcript)) {}
  Status Check(const ClientHello& hello) const;

  ServerChoice choice_;
  Bytes unchanging_;
  Transcript transcript_;
};

// ServerHello to Certificate are queued; the CertificateVerify needs the key.
class AwaitServerSignature {
 public:
  const HandshakeInfo& info() const { return info_; }
  const SignatureRequest& request() const { return request_; }

  using Next = std::variant<AwaitClientCertificate, AwaitClientFinished>;
  Result<Next> Sign(ByteView signature, Channel& channel) &&;

 private:
  friend class AwaitServerConfig;
  friend class AwaitSecondHello;
  // Answers `hello`, which has a share of the chosen group; `transcript`
  // covers everything up to and with that hello.
  static Result<AwaitServerSignature> Answer(ServerChoice choice,
                                             const ClientHello& hello,
                                             bool retried,
                                             Transcript transcript,
                                             Channel& channel);
  AwaitServerSignature(ClientAuth client_auth, HandshakeInfo info,
                       Transcript transcript, HandshakeSchedule schedule,
                       TrafficSecrets secrets, SignatureRequest request)
      : client_auth_(client_auth),
        info_(std::move(info)),
        transcript_(std::move(transcript)),
        schedule_(std::move(schedule)),
        secrets_(std::move(secrets)),
        request_(request) {}
  Status SendProofs(ByteView signature, Channel& channel);
  Result<Session> Keys();

  ClientAuth client_auth_;
  HandshakeInfo info_;
  Transcript transcript_;
  HandshakeSchedule schedule_;
  TrafficSecrets secrets_;
  SignatureRequest request_;
};

// What is left when the server's flight is out: the session waits for the
// client's Finished.
struct ServerProgress {
  Session session;
  Transcript transcript;
  HashSecret client_secret;  // client_handshake_traffic_secret
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
  AwaitClientProof(ServerProgress progress, std::vector<Bytes> chain)
      : progress_(std::move(progress)), chain_(std::move(chain)) {}

  ServerProgress progress_;
  std::vector<Bytes> chain_;
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
  friend class AwaitServerSignature;
  friend class AwaitClientCertificate;
  friend class AwaitClientVerdict;
  AwaitClientFinished(ServerProgress progress, ClientStanding)
      : progress_(std::move(progress)) {}

  ServerProgress progress_;
};

}  // namespace ktlsd::handshake
