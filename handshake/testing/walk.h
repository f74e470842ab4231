// A handshake taken state by state, without an Engine: for tests that give one
// state one message.
//
// Scope:     signatures and certificates of a walk are not real, since no
//            state looks into them. A walk that cannot be taken throws.
// Layer:     handshake/testing.
// Threads:   thread-compatible.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/result.h"
#include "handshake/channel.h"
#include "handshake/client.h"
#include "handshake/client_start.h"
#include "handshake/codec/handshake_assembler.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/server.h"
#include "handshake/server_start.h"
#include "handshake/states.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// Both ends of one handshake. By default both show a certificate, and there is
// no HelloRetryRequest.
class Walk {
 public:
  Walk();

  // Takes the walk's first steps, up to `State`. To be called once; what the
  // other end does meanwhile is done.
  template <typename State>
  State To();

  // The next message from the other end; empty when there is none.
  Bytes ToServer() { return Carry(client, server); }
  Bytes ToClient() { return Carry(server, client); }

  // Both ends use one PSK, of SHA-256, and no certificate. Binders and secrets
  // of the walk are AnySecret(): no state computes them itself.
  void UsePsk();
  static HashSecret AnySecret(HashAlgorithm hash = HashAlgorithm::kSha256);

  // May be changed before the first step.
  ClientConfig client_config;
  ServerConfig server_config;

  Channel client;
  Channel server;
  // Where the other end waits, while it does.
  std::optional<AwaitServerHello> waiting_client;
  std::optional<AwaitClientCertificate> waiting_server;
  std::optional<AwaitClientFinished> waiting_psk_server;
  std::optional<Completed> completed_client;

 private:
  static Bytes Carry(Channel& from, Channel& to);
};

template <>
AwaitServerHello Walk::To();
template <>
AwaitOwnBinder Walk::To();  // this one and the next: behind UsePsk()
template <>
AwaitClientPskSecret Walk::To();
template <>
AwaitEncryptedExtensions Walk::To();
template <>
AwaitServerCertificate Walk::To();
template <>
AwaitServerProof Walk::To();
template <>
AwaitServerVerdict Walk::To();
template <>
AwaitServerFinished Walk::To();
template <>
AwaitClientSignature Walk::To();

template <>
AwaitClientHello Walk::To();
template <>
AwaitServerConfig Walk::To();
template <>
AwaitSecondHello Walk::To();  // makes the server want another group
template <>
AwaitPskChoice Walk::To();  // this one and the next two: behind UsePsk()
template <>
AwaitPeerBinder Walk::To();
template <>
AwaitServerPskSecret Walk::To();
template <>
AwaitServerSignature Walk::To();
template <>
AwaitClientCertificate Walk::To();
template <>
AwaitClientProof Walk::To();
template <>
AwaitClientVerdict Walk::To();
template <>
AwaitClientFinished Walk::To();

// Views of a whole message, which must outlive them.
HandshakeMessage MessageOf(const Bytes& whole);

template <typename State>
concept TakesMessageAlone = requires(State state, const Bytes& whole) {
  std::move(state).Receive(MessageOf(whole));
};

// Gives `state` a message; `channel` only where it takes one.
template <typename State>
auto Give(State state, const Bytes& whole, Channel& channel) {
  if constexpr (TakesMessageAlone<State>) {
    return std::move(state).Receive(MessageOf(whole));
  } else {
    return std::move(state).Receive(MessageOf(whole), channel);
  }
}

// "accepted", or the label of the error.
template <typename T>
std::string_view Outcome(const Result<T>& result) {
  return result.ok() ? "accepted" : Describe(result.error().code).label;
}

// Puts one more extension at the end of a message that ends with its extension
// block, which begins at `block`.
Bytes WithExtension(Bytes whole, std::size_t block, uint16_t type,
                    const Bytes& data);

// A channel that holds one byte of a further message.
Channel ChannelWithLeftOver();

}  // namespace ktlsd::handshake
