// The server's states up to its ServerHello (RFC 8446 appendix A.2). The table
// is in states.h; the states behind it are in server.h.
//
// Scope:     messages in, messages out through the Channel. On an error the
//            state is gone and the caller sends the alert.
// Layer:     handshake.
// Threads:   move-only values.
#pragma once

#include <cstddef>
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
#include "handshake/proofs.h"
#include "handshake/psk_wait.h"
#include "handshake/server.h"
#include "handshake/server_choice.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

class AwaitServerConfig;
class AwaitPskChoice;
class AwaitPeerBinder;
class AwaitSecondHello;
class AwaitServerPskSecret;

// A ClientHello and its bytes.
struct ReceivedHello {
  ClientHello hello;
  Bytes bytes;
};

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

// What follows when it is decided how to answer the first hello.
using ServerStart =
    std::variant<AwaitServerSignature, AwaitSecondHello, AwaitPeerBinder>;

// The ClientHello is there; the caller chooses how to answer it.
class AwaitServerConfig {
 public:
  AwaitServerConfig(AwaitServerConfig&&) noexcept = default;
  AwaitServerConfig& operator=(AwaitServerConfig&&) noexcept = default;

  const ClientHello& hello() const { return received_.hello; }

  using Next = std::variant<AwaitPskChoice, AwaitServerSignature,
                            AwaitSecondHello, AwaitPeerBinder>;
  // Errors: kNoCommonCipherSuite, kNoCommonGroup, kNoCommonSignatureScheme,
  //         kNoApplicationProtocol, kNoCertificateConfigured,
  //         those of CheckConfig(), kNoCommonPsk
  //         (one is required, and the client offers none with (EC)DHE),
  //         kMissingExtension for a hello with PSKs only where the
  //         configuration ignores them.
  Result<Next> Configure(ServerConfig config, Channel& channel) &&;

 private:
  friend class AwaitClientHello;
  explicit AwaitServerConfig(ReceivedHello received)
      : received_(std::move(received)) {}

  ReceivedHello received_;
};

// The client offers PSKs that may be used; the caller knows which one it has.
class AwaitPskChoice {
 public:
  AwaitPskChoice(AwaitPskChoice&&) noexcept = default;
  AwaitPskChoice& operator=(AwaitPskChoice&&) noexcept = default;

  const OfferedPsks& offered() const { return PsksOf(received_.hello); }
  // Of the cipher suites in common, best first; a PSK for another hash cannot
  // be used (RFC 8446 section 4.2.11).
  const std::vector<HashAlgorithm>& hashes() const { return hashes_; }

  using Next = ServerStart;
  // Errors: kUnknownPskIdentity for no choice where a PSK is required, and
  //         those of Configure().
  Result<Next> Choose(const std::optional<PskChoice>& choice,
                      Channel& channel) &&;

 private:
  friend class AwaitServerConfig;
  AwaitPskChoice(ServerConfig config, ReceivedHello received,
                 std::vector<HashAlgorithm> hashes)
      : config_(std::move(config)),
        received_(std::move(received)),
        hashes_(std::move(hashes)) {}

  ServerConfig config_;
  ReceivedHello received_;
  std::vector<HashAlgorithm> hashes_;
};

// A HelloRetryRequest was sent.
class AwaitSecondHello {
 public:
  using Next = std::variant<AwaitServerSignature, AwaitPeerBinder>;
  // Errors: kIllegalParameter when the second hello differs from the first in
  //         more than RFC 8446 section 4.1.2 allows, kUnknownPskIdentity when
  //         the chosen PSK is offered no more.
  Result<Next> Receive(const HandshakeMessage& message, Channel& channel) &&;

 private:
  friend class ServerAnswer;
  AwaitSecondHello(ServerChoice choice, const ClientHello& first,
                   Transcript transcript)
      : choice_(std::move(choice)),
        unchanging_(first.unchanging),
        had_psks_(first.pre_shared_keys.has_value()),
        transcript_(std::move(transcript)) {}
  Status Check(const ClientHello& hello) const;

  ServerChoice choice_;
  Bytes unchanging_;
  bool had_psks_;  // the first hello offered some
  Transcript transcript_;
};

// The client must have the chosen PSK: whoever holds it judges the binder.
class AwaitPeerBinder {
 public:
  AwaitPeerBinder(AwaitPeerBinder&&) noexcept = default;
  AwaitPeerBinder& operator=(AwaitPeerBinder&&) noexcept = default;

  const PskProof& psk_proof() const { return proof_; }

  using Next = AwaitServerPskSecret;
  Result<AwaitServerPskSecret> Accept(PskVerified verified) &&;

 private:
  friend class ServerAnswer;
  AwaitPeerBinder(ServerChoice choice, ReceivedHello received,
                  std::size_t index, bool retried, Transcript transcript,
                  PskProof proof)
      : choice_(std::move(choice)),
        received_(std::move(received)),
        index_(index),
        retried_(retried),
        transcript_(std::move(transcript)),
        proof_(std::move(proof)) {}

  ServerChoice choice_;
  ReceivedHello received_;
  std::size_t index_;  // of the PSK in the hello
  bool retried_;
  Transcript transcript_;  // before this hello
  PskProof proof_;
};

// The key agreement is done; nothing was sent yet.
class AwaitServerPskSecret {
 public:
  const PskSecretRequest& secret_request() const { return request_; }

  Result<AwaitClientFinished> Agree(HashSecret handshake_secret,
                                    Channel& channel) &&;

 private:
  friend class AwaitPeerBinder;
  AwaitServerPskSecret(ServerChoice choice, HandshakeInfo info,
                       ServerHello answer, Transcript transcript,
                       PskSecretRequest request)
      : choice_(std::move(choice)),
        info_(std::move(info)),
        answer_(std::move(answer)),
        transcript_(std::move(transcript)),
        request_(std::move(request)) {}

  ServerChoice choice_;
  HandshakeInfo info_;
  ServerHello answer_;
  Transcript transcript_;
  PskSecretRequest request_;
};

}  // namespace ktlsd::handshake
