// The client's states up to the keys of the handshake (RFC 8446 appendix A.1).
// The table is in states.h; the states behind the ServerHello are in client.h.
//
// Scope:     messages in, messages out through the Channel. On an error the
//            state is gone and the caller sends the alert.
// Layer:     handshake.
// Threads:   move-only values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/channel.h"
#include "handshake/client.h"
#include "handshake/codec/handshake_assembler.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/key_share.h"
#include "handshake/psk_wait.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

class AwaitOwnBinder;
class AwaitServerHello;
class AwaitClientPskSecret;

// What follows when a ClientHello is ready but for its binders.
using ClientStart = std::variant<AwaitOwnBinder, AwaitServerHello>;

// Queues the ClientHello, or asks for its binders first.
// Errors: those of CheckConfig().
Result<ClientStart> StartClient(ClientConfig config, Channel& channel);

class AwaitServerHello {
 public:
  using Next = std::variant<AwaitOwnBinder, AwaitServerHello,
                            AwaitClientPskSecret, AwaitEncryptedExtensions>;
  Result<Next> Receive(const HandshakeMessage& message, Channel& channel) &&;

 private:
  friend Result<ClientStart> StartClient(ClientConfig, Channel&);
  friend class AwaitOwnBinder;
  explicit AwaitServerHello(ClientConfig config) : config_(std::move(config)) {}

  Status PrepareHello();
  Result<ClientStart> Ready(Channel& channel) &&;
  Status SendHello(Channel& channel);
  Status AddShares(const std::vector<NamedGroup>& groups);
  void OfferPsks();
  Status CheckAnswer(const ServerHello& answer) const;
  Status CheckPsk(const ServerHello& answer) const;
  Status CheckRetry(const ServerHello& retry) const;
  Result<Next> OnRetry(const ServerHello& retry, ByteView whole,
                       Channel& channel);
  Result<Next> OnHello(const ServerHello& answer, ByteView whole,
                       Channel& channel);
  Result<SharedSecret> Agree(const KeyShareEntry& share);
  Result<Next> Agreed(std::optional<uint16_t> selected_psk, SharedSecret ecdhe,
                      ClientProgress progress, Channel& channel);

  // What a HelloRetryRequest has fixed.
  struct Retry {
    CipherSuite suite;
    Transcript transcript;  // over message_hash, the retry, the second hello
  };

  ClientConfig config_;
  ClientHello hello_;
  Bytes hello_bytes_;
  std::vector<KeyShare> shares_;
  std::optional<Retry> retry_;
};

// The hello is complete but for the binder of one of its PSKs.
class AwaitOwnBinder {
 public:
  const PskBinderRequest& binder_request() const { return request_; }

  using Next = ClientStart;
  // Errors: kApiMisuse for a binder of another length than its hash has.
  Result<Next> Bind(const HashSecret& binder, Channel& channel) &&;

 private:
  friend class AwaitServerHello;
  // Asks for the binder at `index`; `hello` has been serialized without.
  static Result<AwaitOwnBinder> Ask(AwaitServerHello hello, std::size_t index);
  AwaitOwnBinder(AwaitServerHello hello, std::size_t index,
                 PskBinderRequest request)
      : hello_(std::move(hello)), index_(index), request_(std::move(request)) {}

  AwaitServerHello hello_;
  std::size_t index_;
  PskBinderRequest request_;
};

// The server chose a PSK of ours, and the key agreement is done.
class AwaitClientPskSecret {
 public:
  const HandshakeInfo& info() const { return progress_.info; }
  const PskSecretRequest& secret_request() const { return request_; }

  Result<AwaitEncryptedExtensions> Agree(HashSecret handshake_secret,
                                         Channel& channel) &&;

 private:
  friend class AwaitServerHello;
  AwaitClientPskSecret(ClientProgress progress, PskSecretRequest request)
      : progress_(std::move(progress)), request_(std::move(request)) {}

  ClientProgress progress_;
  PskSecretRequest request_;
};

}  // namespace ktlsd::handshake
