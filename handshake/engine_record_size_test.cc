// The size of records, negotiated (RFC 8449). An end of ours asks for no less
// than the protocol's own limit, so the ends that do are played here, message
// by message.

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/channel.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/key_share.h"
#include "handshake/engine.h"
#include "handshake/key_schedule.h"
#include "handshake/negotiation.h"
#include "handshake/record_protection.h"
#include "handshake/testing/walk.h"
#include "handshake/verdict_source.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

constexpr CipherSuite kSuite = CipherSuite::kAes128GcmSha256;
constexpr NamedGroup kGroup = NamedGroup::kX25519;
constexpr std::size_t kTag = 16;  // bytes of an AEAD tag; RFC 8446 section 5.2

// Looked into by nobody; long enough for several records of 512 bytes.
const LocalCertificate kLocal = {{Bytes(2000, 0x30)},
                                 {SignatureScheme::kEd25519}};

// The content and the byte of its type of the longest protected record.
std::size_t LongestOf(ByteView stream) {
  std::size_t longest = 0;
  while (stream.size() > kRecordHeaderSize) {
    const std::size_t length = std::size_t{stream[3]} << 8 | stream[4];
    if (stream[0] == static_cast<uint8_t>(ContentType::kApplicationData)) {
      longest = std::max(longest, length - kTag);
    }
    stream = stream.subspan(kRecordHeaderSize + length);
  }
  return longest;
}

Bytes Take(Engine& engine) {
  const ByteView output = engine.output();
  Bytes taken(output.begin(), output.end());
  engine.Written(taken.size());
  return taken;
}

// Gives `engine` all of `stream` and the answers that it waits for; returns its
// output.
Bytes Drive(Engine& engine, ByteView stream, const ServerConfig& config = {}) {
  Bytes output = Take(engine);
  for (;;) {
    const Wait wait = engine.wait();
    if (std::holds_alternative<HaveOutput>(wait)) {
      const Bytes more = Take(engine);
      output.insert(output.end(), more.begin(), more.end());
    } else if (std::holds_alternative<NeedServerConfig>(wait)) {
      engine.Configure(config);
    } else if (std::holds_alternative<NeedSignature>(wait)) {
      engine.Sign(Bytes(500, 0x55));
    } else if (std::holds_alternative<NeedPeerVerdict>(wait)) {
      engine.Judge(VerdictSource::Accepted());
    } else if (const auto* need = std::get_if<NeedInput>(&wait);
               need != nullptr && !stream.empty()) {
      const std::size_t size = std::min(need->bytes, stream.size());
      engine.Feed(stream.first(size));
      stream = stream.subspan(size);
    } else {
      return output;
    }
  }
}

std::optional<uint16_t> LimitOf(Engine& engine) {
  return std::move(engine).TakeSession().value().session.keys.send_limit;
}

// What a played end keeps: its half of the record layer and of the secrets.
struct Played {
  // Both hellos are in the transcript: switches to the handshake keys,
  // and returns the key of our Finished.
  HashSecret StartKeys(const SharedSecret& secret, Role role) {
    const TrafficSecrets secrets =
        HandshakeSchedule::WithoutPsk(HashOf(kSuite), secret)
            .value()
            .Derive(transcript.Current().value())
            .value()
            .traffic;
    const bool server = role == Role::kServer;
    channel.AllowChangeCipherSpec();
    StartOpening(kSuite, server ? secrets.client : secrets.server, channel)
        .value();
    return StartSealing(kSuite, server ? secrets.server : secrets.client,
                        channel)
        .value();
  }

  template <typename Message>
  void Send(const Message& message) {
    SendHandshake(message, transcript, channel).value();
  }

  void SendFinished(const HashSecret& secret) {
    handshake::SendFinished(secret, transcript, channel).value();
    channel.Pack().value();
  }

  // The next message of `stream`, which loses what was read.
  Bytes Next(ByteView& stream) {
    for (;;) {
      if (const auto message = channel.NextMessage().value()) {
        transcript.Add(message->whole).value();
        return {message->whole.begin(), message->whole.end()};
      }
      if (stream.empty()) {
        return {};
      }
      const std::size_t size = std::min(stream.size(), channel.bytes_wanted());
      channel.Add(stream.first(size)).value();
      stream = stream.subspan(size);
    }
  }

  Channel channel;
  Transcript transcript = Transcript::Create(HashOf(kSuite)).value();
};

struct Seen {
  std::size_t longest = 0;  // protected record of ours
  std::optional<uint16_t> send_limit;
  std::vector<HandshakeType> types;  // of our protected messages
};

ServerHello AnswerTo(const ClientHello& hello, Bytes share) {
  ServerHello answer;
  answer.legacy_session_id_echo = hello.legacy_session_id;
  answer.cipher_suite = kSuite;
  answer.selected_version = kVersionTls13;
  answer.key_share = {kGroup, std::move(share)};
  return answer;
}

// A client of ours at a server that takes records of `limit` only.
Seen ClientAt(std::optional<uint16_t> limit) {
  ClientConfig config;
  config.suites = {kSuite};
  config.groups = config.share_groups = {kGroup};
  config.record_size_limit = true;
  config.certificates = {kLocal};
  Engine client = Engine::Client(config);

  Played server;
  const Bytes first = Take(client);
  ByteView stream = first;
  const Bytes hello_bytes = server.Next(stream);
  const ClientHello hello =
      ParseClientHello(MessageOf(hello_bytes).body).value();
  KeyAgreement agreement =
      Answer(kGroup, FindShare(hello, kGroup)->key_exchange).value();
  server.Send(AnswerTo(hello, std::move(agreement.public_share)));
  const HashSecret finished_key =
      server.StartKeys(agreement.secret, Role::kServer);
  EncryptedExtensions extensions;
  extensions.record_size_limit = limit;
  server.Send(extensions);
  CertificateRequest request;
  request.signature_algorithms = kLocal.schemes;
  server.Send(request);
  SendChain(&kLocal, false, server.transcript, server.channel).value();
  server.Send(CertificateVerify{kLocal.schemes[0], {1}});
  server.SendFinished(finished_key);
  const Bytes flight = Drive(client, server.channel.output().pending());
  Seen seen{LongestOf(flight), LimitOf(client), {}};
  stream = flight;
  for (Bytes next = server.Next(stream); !next.empty();
       next = server.Next(stream)) {
    seen.types.push_back(MessageOf(next).type);
  }
  return seen;
}

ClientHello HelloWith(const KeyShare& share, std::optional<uint16_t> limit) {
  ClientHello hello;
  hello.cipher_suites = {kSuite};
  hello.supported_groups = {kGroup};
  hello.key_shares = {{kGroup, share.public_share()}};
  hello.signature_algorithms = kLocal.schemes;
  hello.record_size_limit = limit;
  return hello;
}

// A server of ours that has a client which takes records of `limit` only.
Seen ServerAt(std::optional<uint16_t> limit, bool negotiate = true) {
  ServerConfig config;
  config.certificates = {kLocal};
  config.record_size_limit = negotiate;
  Engine server = Engine::Server();

  Played client;
  KeyShare share = KeyShare::Generate(kGroup).value();
  client.Send(HelloWith(share, limit));
  client.channel.Pack().value();
  const Bytes flight = Drive(server, client.channel.output().pending(), config);
  client.channel.Written(client.channel.output().pending().size());

  Seen seen{LongestOf(flight), std::nullopt, {}};
  ByteView stream = flight;
  const Bytes answer = client.Next(stream);
  const ServerHello hello = ParseServerHello(MessageOf(answer).body).value();
  const SharedSecret secret =
      std::move(share).Agree(hello.key_share->key_exchange).value();
  const HashSecret finished_key = client.StartKeys(secret, Role::kClient);
  for (Bytes next = client.Next(stream); !next.empty();
       next = client.Next(stream)) {
    seen.types.push_back(MessageOf(next).type);
  }
  client.SendFinished(finished_key);
  Drive(server, client.channel.output().pending());
  seen.send_limit = LimitOf(server);
  return seen;
}

// --- A client ---

const std::vector kClientFlight = {HandshakeType::kCertificate,
                                   HandshakeType::kCertificateVerify,
                                   HandshakeType::kFinished};

TEST(RecordSize, AClientKeepsToTheServersLimit) {
  for (const uint16_t limit : {uint16_t{64}, uint16_t{100}, uint16_t{512}}) {
    const Seen seen = ClientAt(limit);
    EXPECT_EQ(seen.longest, limit);
    EXPECT_EQ(seen.send_limit, limit - 1);
    EXPECT_EQ(seen.types, kClientFlight);
  }
}

TEST(RecordSize, AClientIsNotLimitedByAServerWithoutALimit) {
  for (const auto limit :
       {std::optional<uint16_t>(), std::optional<uint16_t>(16385)}) {
    const Seen seen = ClientAt(limit);
    EXPECT_GT(seen.longest, 2000U);
    EXPECT_FALSE(seen.send_limit);
    EXPECT_EQ(seen.types, kClientFlight);
  }
}

// --- A server ---

const std::vector kServerFlight = {
    HandshakeType::kEncryptedExtensions, HandshakeType::kCertificate,
    HandshakeType::kCertificateVerify, HandshakeType::kFinished};

TEST(RecordSize, AServerKeepsToTheClientsLimit) {
  for (const uint16_t limit : {uint16_t{64}, uint16_t{100}, uint16_t{512}}) {
    const Seen seen = ServerAt(limit);
    EXPECT_EQ(seen.longest, limit);
    EXPECT_EQ(seen.send_limit, limit - 1);
    EXPECT_EQ(seen.types, kServerFlight);
  }
}

// RFC 8449 section 4: "A server MUST NOT enforce this restriction; a client
// might advertise a higher limit that is enabled by an extension or version
// the server does not understand."
TEST(RecordSize, AClientMayHaveAHigherLimitThanTheProtocol) {
  for (const uint16_t limit : {uint16_t{16385}, uint16_t{0xffff}}) {
    const Seen seen = ServerAt(limit);
    EXPECT_GT(seen.longest, 2000U);
    EXPECT_FALSE(seen.send_limit);
    EXPECT_EQ(seen.types, kServerFlight);
  }
}

TEST(RecordSize, AServerThatDoesNotNegotiateIsNotLimited) {
  const Seen seen = ServerAt(64, /*negotiate=*/false);
  EXPECT_GT(seen.longest, 2000U);
  EXPECT_FALSE(seen.send_limit);
}

// --- What we ask for ---

// What the hello of a client of ours has, and the answer of a server of ours.
std::pair<std::optional<uint16_t>, std::optional<uint16_t>> Limits(
    bool client, bool server) {
  Walk offer;
  offer.client_config.record_size_limit = client;
  const auto waiting = offer.To<AwaitServerHello>();
  const Bytes hello = offer.ToServer();
  Walk answer;
  answer.client_config.record_size_limit = client;
  answer.server_config.record_size_limit = server;
  const auto reading = answer.To<AwaitEncryptedExtensions>();
  const Bytes extensions = answer.ToClient();
  return {ParseClientHello(MessageOf(hello).body).value().record_size_limit,
          ParseEncryptedExtensions(MessageOf(extensions).body)
              .value()
              .record_size_limit};
}

// Kernels take every record of the protocol's size, so we must not promise
// more, and need not ask for less.
TEST(RecordSize, OursIsTheProtocolsOwnLimit) {
  constexpr uint16_t kOurs = 16385;
  EXPECT_EQ(Limits(true, true),
            std::pair(std::optional(kOurs), std::optional(kOurs)));
}

TEST(RecordSize, IsOfferedAndAnsweredWhereItIsOnOnly) {
  EXPECT_EQ(Limits(false, true).first, std::nullopt);
  EXPECT_EQ(Limits(false, true).second, std::nullopt);
  EXPECT_EQ(Limits(true, false).second, std::nullopt);
}

}  // namespace
}  // namespace ktlsd::handshake
