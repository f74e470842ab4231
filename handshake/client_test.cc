// What a client refuses in each message of its server. The order of messages
// is tested in states_test.cc.

#include "handshake/client.h"

#include <functional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/channel.h"
#include "handshake/codec/messages.h"
#include "handshake/testing/walk.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

constexpr uint16_t kUnknownExtension = 0xfabc;
constexpr uint16_t kOldVersion = 0x0302;

// Where the extension block of a ServerHello with a full session id begins.
constexpr std::size_t kServerHelloBlock =
    kHandshakeHeaderSize + 2 + kRandomSize + 1 + kMaxSessionId + 2 + 1;

// --- ServerHello ---

using ChangeHello = std::function<void(ServerHello&)>;

// A first ServerHello as the walk's server sends it, but for `change`.
Bytes ServerHelloWith(Walk& walk, const ChangeHello& change) {
  ServerHello hello = ParseServerHello(MessageOf(walk.ToClient()).body).value();
  change(hello);
  return Serialize(hello).value();
}

std::string_view OutcomeOfHello(const ChangeHello& change) {
  Walk walk;
  auto server = walk.To<AwaitClientCertificate>();
  const Bytes hello = ServerHelloWith(walk, change);
  return Outcome(Give(*std::move(walk.waiting_client), hello, walk.client));
}

// An old server finds a share it knows, and needs no HelloRetryRequest.
TEST(Client, SendsAClassicShareBesideAHybrid) {
  using enum NamedGroup;
  using Groups = std::vector<NamedGroup>;
  EXPECT_EQ(DefaultShares({kX25519MlKem768, kSecP384r1MlKem1024, kSecp256r1}),
            (Groups{kX25519MlKem768, kSecp256r1}));
  EXPECT_EQ(DefaultShares({kSecp256r1, kX25519, kX25519MlKem768}),
            Groups{kSecp256r1});
  EXPECT_EQ(DefaultShares({kX25519MlKem768}), Groups{kX25519MlKem768});
  EXPECT_EQ(DefaultShares({}), Groups{});
  EXPECT_EQ(ClientConfig().share_groups, DefaultShares(DefaultGroups()));
}

TEST(Client, TakesTheServersHello) {
  EXPECT_EQ(OutcomeOfHello([](ServerHello&) {}), "accepted");
}

TEST(Client, RefusesAnotherVersion) {
  EXPECT_EQ(OutcomeOfHello([](auto& hello) { hello.selected_version.reset(); }),
            "protocol_version");
  EXPECT_EQ(
      OutcomeOfHello([](auto& hello) { hello.selected_version = kOldVersion; }),
      "illegal_parameter");
  EXPECT_EQ(
      OutcomeOfHello([](auto& hello) { hello.legacy_version = kVersionTls13; }),
      "illegal_parameter");
}

TEST(Client, RefusesAnotherSessionId) {
  EXPECT_EQ(
      OutcomeOfHello([](auto& hello) { hello.legacy_session_id_echo[0] ^= 1; }),
      "illegal_parameter");
  EXPECT_EQ(
      OutcomeOfHello([](auto& hello) { hello.legacy_session_id_echo.clear(); }),
      "illegal_parameter");
}

// AES-128-CCM-8; two of RFC 9150, which do not encrypt;
// TLS_NULL_WITH_NULL_NULL.
constexpr auto kNotOffered = {0x1305, 0xc0b4, 0xc0b5, 0x0000};

TEST(Client, RefusesASuiteThatItDidNotOffer) {
  for (const int suite : kNotOffered) {
    EXPECT_EQ(OutcomeOfHello([&](auto& hello) {
                hello.cipher_suite = static_cast<CipherSuite>(suite);
              }),
              "illegal_parameter");
  }
}

TEST(Client, RefusesAShareThatItCannotUse) {
  EXPECT_EQ(OutcomeOfHello([](auto& hello) {
              hello.key_share->group = NamedGroup::kSecp256r1;
            }),
            "illegal_parameter");
  EXPECT_EQ(OutcomeOfHello(
                [](auto& hello) { hello.key_share->key_exchange.pop_back(); }),
            "illegal_parameter");
  EXPECT_EQ(OutcomeOfHello([](auto& hello) {
              hello.key_share->key_exchange.assign(32, 0);
            }),
            "illegal_parameter");
  EXPECT_EQ(OutcomeOfHello([](auto& hello) { hello.key_share.reset(); }),
            "missing_extension");
}

TEST(Client, RefusesAPskThatItDidNotOffer) {
  EXPECT_EQ(OutcomeOfHello([](auto& hello) { hello.selected_psk = 0; }),
            "unsupported_extension");
}

TEST(Client, RefusesAnUnknownExtensionInTheHello) {
  Walk walk;
  auto server = walk.To<AwaitClientCertificate>();
  const Bytes hello =
      WithExtension(walk.ToClient(), kServerHelloBlock, kUnknownExtension, {});
  EXPECT_EQ(Outcome(Give(*std::move(walk.waiting_client), hello, walk.client)),
            "unsupported_extension");
}

TEST(Client, RefusesBytesBehindTheHelloInItsRecord) {
  Walk walk;
  auto server = walk.To<AwaitClientCertificate>();
  Channel channel = ChannelWithLeftOver();
  EXPECT_EQ(
      Outcome(Give(*std::move(walk.waiting_client), walk.ToClient(), channel)),
      "unexpected_message");
}

// --- HelloRetryRequest ---

// A client that was retried by the walk's server, but for `change`.
Result<AwaitServerHello::Next> Retried(Walk& walk, const ChangeHello& change) {
  auto server = walk.To<AwaitSecondHello>();
  const Bytes retry = ServerHelloWith(walk, change);
  return Give(*std::move(walk.waiting_client), retry, walk.client);
}

std::string_view OutcomeOfRetry(const ChangeHello& change) {
  Walk walk;
  return Outcome(Retried(walk, change));
}

TEST(Client, RefusesARetryThatChangesNothing) {
  EXPECT_EQ(OutcomeOfRetry([](auto& retry) { retry.key_share.reset(); }),
            "illegal_parameter");
}

// RFC 8446 section 4.1.4: "Upon receipt of a HelloRetryRequest, the client MUST
// check the legacy_version, legacy_session_id_echo, cipher_suite, and
// legacy_compression_method".
TEST(Client, ChecksARetryAsAServerHello) {
  EXPECT_EQ(OutcomeOfRetry([](auto&) {}), "accepted");
  const std::vector<ChangeHello> changes = {
      [](auto& retry) { retry.legacy_version = kVersionTls13; },
      [](auto& retry) { retry.legacy_session_id_echo[31] ^= 1; },
      [](auto& retry) { retry.legacy_session_id_echo.clear(); },
      [](auto& retry) { retry.cipher_suite = CipherSuite{0x1305}; },
      [](auto& retry) { retry.selected_version = kOldVersion; },
      [](auto& retry) { retry.selected_version = kVersionTls12; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(OutcomeOfRetry(changes[i]), "illegal_parameter") << i;
  }
  EXPECT_EQ(OutcomeOfRetry([](auto& retry) { retry.selected_version.reset(); }),
            "protocol_version");
}

TEST(Client, RefusesCompressionInARetry) {
  Walk walk;
  auto server = walk.To<AwaitSecondHello>();
  Bytes retry = walk.ToClient();
  retry.at(kServerHelloBlock - 1) = 1;
  EXPECT_EQ(Outcome(Give(*std::move(walk.waiting_client), retry, walk.client)),
            "illegal_parameter");
}

// RFC 8446 section 4.1.4: no extension that the hello did not offer, but
// cookie.
TEST(Client, RefusesAnUnknownExtensionInARetry) {
  Walk walk;
  auto server = walk.To<AwaitSecondHello>();
  const Bytes retry =
      WithExtension(walk.ToClient(), kServerHelloBlock, kUnknownExtension, {});
  EXPECT_EQ(Outcome(Give(*std::move(walk.waiting_client), retry, walk.client)),
            "unsupported_extension");
}

TEST(Client, RefusesARetryForAShareItSentOrCannotSend) {
  for (const auto group : {NamedGroup::kX25519, NamedGroup::kSecp384r1}) {
    EXPECT_EQ(
        OutcomeOfRetry([&](auto& retry) { retry.key_share->group = group; }),
        "illegal_parameter");
  }
}

TEST(Client, RefusesBytesBehindTheRetryInItsRecord) {
  Walk walk;
  auto server = walk.To<AwaitSecondHello>();
  Channel channel = ChannelWithLeftOver();
  EXPECT_EQ(
      Outcome(Give(*std::move(walk.waiting_client), walk.ToClient(), channel)),
      "unexpected_message");
}

ClientHello SecondHello(Walk& walk) {
  return ParseClientHello(MessageOf(walk.ToServer()).body).value();
}

TEST(Client, EchoesTheCookie) {
  Walk walk;
  const auto next =
      Retried(walk, [](auto& retry) { retry.cookie = Bytes{1, 2, 3}; });
  ASSERT_EQ(Outcome(next), "accepted");
  EXPECT_EQ(SecondHello(walk).cookie, (Bytes{1, 2, 3}));
}

TEST(Client, KeepsItsShareWhenOnlyACookieIsAsked) {
  Walk walk;
  const auto next = Retried(walk, [](auto& retry) {
    retry.key_share.reset();
    retry.cookie = Bytes{7};
  });
  ASSERT_EQ(Outcome(next), "accepted");
  const ClientHello second = SecondHello(walk);
  ASSERT_EQ(second.key_shares->size(), 1U);
  EXPECT_EQ(second.key_shares->front().group, NamedGroup::kX25519);
}

// Takes the server's answer to the second hello.
std::string_view OutcomeAfterRetry(const ChangeHello& change) {
  Walk walk;
  auto server = walk.To<AwaitSecondHello>();
  auto next =
      Give(*std::move(walk.waiting_client), walk.ToClient(), walk.client);
  const auto answered = Give(std::move(server), walk.ToServer(), walk.server);
  EXPECT_EQ(Outcome(answered), "accepted");
  const Bytes hello = ServerHelloWith(walk, change);
  return Outcome(
      Give(std::get<AwaitServerHello>(std::move(*next)), hello, walk.client));
}

TEST(Client, HoldsTheServerToItsRetry) {
  EXPECT_EQ(OutcomeAfterRetry([](auto&) {}), "accepted");
  EXPECT_EQ(OutcomeAfterRetry([](auto& hello) {
              hello.cipher_suite = CipherSuite::kAes128GcmSha256;
            }),
            "illegal_parameter");
  EXPECT_EQ(OutcomeAfterRetry(
                [](auto& hello) { hello.selected_version = kVersionTls12; }),
            "illegal_parameter");
  EXPECT_EQ(OutcomeAfterRetry([](auto& hello) {
              hello.key_share = {NamedGroup::kX25519, Bytes(32, 9)};
            }),
            "illegal_parameter");
}

// --- EncryptedExtensions ---

std::string_view OutcomeOfExtensions(const Bytes& message) {
  Walk walk;
  walk.client_config.alpn_protocols = {{'a'}};
  return Outcome(
      Give(walk.To<AwaitEncryptedExtensions>(), message, walk.client));
}

Bytes ExtensionsWith(uint16_t type, const Bytes& data) {
  return WithExtension(Serialize(EncryptedExtensions{}).value(),
                       kHandshakeHeaderSize, type, data);
}

TEST(Client, TakesAnswersToWhatItOffered) {
  EncryptedExtensions extensions;
  extensions.server_name_acknowledged = true;
  extensions.alpn_protocol = Bytes{'a'};
  EXPECT_EQ(OutcomeOfExtensions(Serialize(extensions).value()), "accepted");
  const Bytes groups = {0, 2, 0, 0x1d};
  EXPECT_EQ(OutcomeOfExtensions(ExtensionsWith(10, groups)), "accepted");
}

TEST(Client, RefusesAProtocolThatItDidNotOffer) {
  EncryptedExtensions extensions;
  extensions.alpn_protocol = Bytes{'b'};
  EXPECT_EQ(OutcomeOfExtensions(Serialize(extensions).value()),
            "illegal_parameter");
}

TEST(Client, RefusesExtensionsThatItDidNotOffer) {
  EXPECT_EQ(OutcomeOfExtensions(ExtensionsWith(kUnknownExtension, {})),
            "unsupported_extension");
  const auto early_data = static_cast<uint16_t>(ExtensionType::kEarlyData);
  EXPECT_EQ(OutcomeOfExtensions(ExtensionsWith(early_data, {})),
            "unsupported_extension");
  const auto limit = static_cast<uint16_t>(ExtensionType::kRecordSizeLimit);
  EXPECT_EQ(OutcomeOfExtensions(ExtensionsWith(limit, {0x40, 0})),
            "unsupported_extension");
}

TEST(Client, RefusesAServerNameAnswerWhenItSentNone) {
  Walk walk;
  walk.client_config.server_name.clear();
  EXPECT_EQ(Outcome(Give(walk.To<AwaitEncryptedExtensions>(),
                         ExtensionsWith(0, {}), walk.client)),
            "unsupported_extension");
}

TEST(Client, RefusesAProtocolWhenItOfferedNone) {
  Walk walk;
  EncryptedExtensions extensions;
  extensions.alpn_protocol = Bytes{'a'};
  EXPECT_EQ(Outcome(Give(walk.To<AwaitEncryptedExtensions>(),
                         Serialize(extensions).value(), walk.client)),
            "unsupported_extension");
}

// --- CertificateRequest, Certificate, CertificateVerify ---

std::string_view OutcomeOfCertificate(const Bytes& message) {
  Walk walk;
  return Outcome(Give(walk.To<AwaitServerCertificate>(), message, walk.client));
}

Bytes CertificateWith(const std::vector<CertificateEntry>& entries,
                      const Bytes& context = {}) {
  return Serialize(Certificate{context, entries}).value();
}

const CertificateEntry kEntry = {{0x30, 0}, std::nullopt, {}};

TEST(Client, RefusesARequestWithAContext) {
  CertificateRequest request;
  request.context = {1};
  request.signature_algorithms = {SignatureScheme::kEd25519};
  EXPECT_EQ(OutcomeOfCertificate(Serialize(request).value()),
            "illegal_parameter");
}

TEST(Client, RefusesARequestWithoutSchemes) {
  EXPECT_EQ(OutcomeOfCertificate(Serialize(CertificateRequest{}).value()),
            "missing_extension");
}

TEST(Client, RefusesACertificateWithAContext) {
  EXPECT_EQ(OutcomeOfCertificate(CertificateWith({kEntry}, {1})),
            "illegal_parameter");
}

TEST(Client, RefusesAnEmptyCertificate) {
  EXPECT_EQ(OutcomeOfCertificate(CertificateWith({})), "decode_error");
}

TEST(Client, RefusesACertificateExtensionThatItDidNotOffer) {
  const CertificateEntry stapled = {{0x30, 0}, Bytes{1}, {}};
  EXPECT_EQ(OutcomeOfCertificate(CertificateWith({stapled})),
            "unsupported_extension");
}

TEST(Client, RefusesATooLongChain) {
  const std::vector<CertificateEntry> chain(kMaxChainLength + 1, kEntry);
  EXPECT_EQ(OutcomeOfCertificate(CertificateWith(chain)),
            "certificate_chain_too_long");
}

TEST(Client, RefusesASchemeThatItDidNotOffer) {
  for (const auto scheme :
       {SignatureScheme::kRsaPkcs1Sha256, SignatureScheme{0x0203}}) {
    Walk walk;
    const Bytes verify = Serialize(CertificateVerify{scheme, {1}}).value();
    EXPECT_EQ(Outcome(Give(walk.To<AwaitServerProof>(), verify, walk.client)),
              "illegal_parameter");
  }
}

}  // namespace
}  // namespace ktlsd::handshake
