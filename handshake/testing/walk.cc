#include "handshake/testing/walk.h"

#include <algorithm>
#include <variant>

#include "handshake/key_schedule.h"
#include "handshake/verdict_source.h"

namespace ktlsd::handshake {
namespace {

const Bytes kSignature = {1, 2, 3};
constexpr PskChoice kFirstPsk = {0, HashAlgorithm::kSha256};

LocalCertificate AnyCertificate() {
  return {{{0x30, 0x00}}, {SignatureScheme::kEd25519}};
}

// Gives `state` the message; the next state must be a `Next`.
template <typename Next, typename State>
Next Step(State state, const Bytes& whole, Channel& channel) {
  auto next = Give(std::move(state), whole, channel).value();
  if constexpr (requires { std::get<Next>(std::move(next)); }) {
    return std::get<Next>(std::move(next));
  } else {
    return next;
  }
}

void AddToLength(Bytes& whole, std::size_t at, std::size_t width,
                 std::size_t more) {
  for (std::size_t i = at + width; i > at; --i) {
    more += whole[i - 1];
    whole[i - 1] = static_cast<uint8_t>(more);
    more >>= 8;
  }
}

}  // namespace

Walk::Walk() {
  client_config.server_name = "server.example";
  client_config.certificates = {AnyCertificate()};
  server_config.certificates = {AnyCertificate()};
  server_config.client_auth = ClientAuth::kRequest;
}

void Walk::UsePsk() {
  client_config.certificates.clear();
  client_config.psks = {{{1}, HashAlgorithm::kSha256}};
  server_config.certificates.clear();
  server_config.psk = PskPolicy::kRequire;
}

HashSecret Walk::AnySecret(HashAlgorithm hash) {
  return EarlySchedule::WithPsk(hash, Bytes{1})
      .value()
      .ExternalBinderFinishedKey()
      .value();
}

Bytes Walk::Carry(Channel& from, Channel& to) {
  for (;;) {
    const auto message = to.NextMessage().value();
    if (message) {
      return {message->whole.begin(), message->whole.end()};
    }
    const ByteView pending = from.output().pending();
    if (pending.empty()) {
      return {};
    }
    const std::size_t size = std::min(pending.size(), to.bytes_wanted());
    to.Add(pending.first(size)).value();
    from.Written(size);
  }
}

// --- Client ---

template <>
AwaitOwnBinder Walk::To() {
  return std::get<AwaitOwnBinder>(StartClient(client_config, client).value());
}

template <>
AwaitServerHello Walk::To() {
  if (!client_config.psks.empty()) {
    return std::get<AwaitServerHello>(
        To<AwaitOwnBinder>().Bind(AnySecret(), client).value());
  }
  return std::get<AwaitServerHello>(StartClient(client_config, client).value());
}

template <>
AwaitClientPskSecret Walk::To() {
  waiting_psk_server.emplace(
      To<AwaitServerPskSecret>().Agree(AnySecret(), server).value());
  return Step<AwaitClientPskSecret>(*std::move(waiting_client), ToClient(),
                                    client);
}

template <>
AwaitEncryptedExtensions Walk::To() {
  waiting_server.emplace(To<AwaitClientCertificate>());
  return Step<AwaitEncryptedExtensions>(*std::move(waiting_client), ToClient(),
                                        client);
}

template <>
AwaitServerCertificate Walk::To() {
  auto state = To<AwaitEncryptedExtensions>();
  return Step<AwaitServerCertificate>(std::move(state), ToClient(), client);
}

template <>
AwaitServerProof Walk::To() {
  auto state = To<AwaitServerCertificate>();
  auto asked =
      Step<AwaitServerCertificate>(std::move(state), ToClient(), client);
  return Step<AwaitServerProof>(std::move(asked), ToClient(), client);
}

template <>
AwaitServerVerdict Walk::To() {
  auto state = To<AwaitServerProof>();
  return Step<AwaitServerVerdict>(std::move(state), ToClient(), client);
}

template <>
AwaitServerFinished Walk::To() {
  return To<AwaitServerVerdict>().Accept(VerdictSource::Accepted());
}

template <>
AwaitClientSignature Walk::To() {
  auto state = To<AwaitServerFinished>();
  return Step<AwaitClientSignature>(std::move(state), ToClient(), client);
}

// --- Server ---

template <>
AwaitClientHello Walk::To() {
  return {};
}

template <>
AwaitServerConfig Walk::To() {
  waiting_client.emplace(To<AwaitServerHello>());
  return Step<AwaitServerConfig>(AwaitClientHello(), ToServer(), server);
}

template <>
AwaitSecondHello Walk::To() {
  client_config.groups = {NamedGroup::kX25519, NamedGroup::kSecp256r1};
  client_config.share_groups = {NamedGroup::kX25519};
  server_config.groups = {NamedGroup::kSecp256r1};
  auto next = To<AwaitServerConfig>().Configure(server_config, server).value();
  if (auto* psks = std::get_if<AwaitPskChoice>(&next)) {
    return std::get<AwaitSecondHello>(
        std::move(*psks).Choose(kFirstPsk, server).value());
  }
  return std::get<AwaitSecondHello>(std::move(next));
}

template <>
AwaitPskChoice Walk::To() {
  return std::get<AwaitPskChoice>(
      To<AwaitServerConfig>().Configure(server_config, server).value());
}

template <>
AwaitPeerBinder Walk::To() {
  return std::get<AwaitPeerBinder>(
      To<AwaitPskChoice>().Choose(kFirstPsk, server).value());
}

template <>
AwaitServerPskSecret Walk::To() {
  return To<AwaitPeerBinder>().Accept(VerdictSource::AcceptedPsk()).value();
}

template <>
AwaitServerSignature Walk::To() {
  return std::get<AwaitServerSignature>(
      To<AwaitServerConfig>().Configure(server_config, server).value());
}

template <>
AwaitClientCertificate Walk::To() {
  return std::get<AwaitClientCertificate>(
      To<AwaitServerSignature>().Sign(kSignature, server).value());
}

template <>
AwaitClientProof Walk::To() {
  auto signing = To<AwaitClientSignature>();
  completed_client.emplace(std::move(signing).Sign(kSignature, client).value());
  return Step<AwaitClientProof>(*std::move(waiting_server), ToServer(), server);
}

template <>
AwaitClientVerdict Walk::To() {
  auto state = To<AwaitClientProof>();
  return Step<AwaitClientVerdict>(std::move(state), ToServer(), server);
}

template <>
AwaitClientFinished Walk::To() {
  return To<AwaitClientVerdict>().Accept(VerdictSource::Accepted());
}

// --- Messages ---

HandshakeMessage MessageOf(const Bytes& whole) {
  return {.type = static_cast<HandshakeType>(whole.at(0)),
          .body = ByteView(whole).subspan(kHandshakeHeaderSize),
          .whole = whole};
}

Bytes WithExtension(Bytes whole, std::size_t block, uint16_t type,
                    const Bytes& data) {
  ByteWriter extension;
  extension.U16(type);
  extension.Prefixed(2, [&] { extension.Append(data); });
  const ByteView added = extension.view();
  whole.insert(whole.end(), added.begin(), added.end());
  AddToLength(whole, block, 2, added.size());
  AddToLength(whole, 1, 3, added.size());  // of the message
  return whole;
}

Channel ChannelWithLeftOver() {
  Channel channel;
  channel.Add(Bytes{22, 3, 3, 0, 1}).value();
  channel.Add(Bytes{20}).value();
  return channel;
}

}  // namespace ktlsd::handshake
