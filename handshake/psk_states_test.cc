// The states of a handshake with an external PSK, one message or answer at a
// time. Whole handshakes are in engine_psk_test.cc.

#include <array>
#include <functional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/channel.h"
#include "handshake/client.h"
#include "handshake/client_start.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/psk_wait.h"
#include "handshake/server.h"
#include "handshake/server_start.h"
#include "handshake/states.h"
#include "handshake/testing/walk.h"
#include "handshake/verdict_source.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

using ChangeHello = std::function<void(ClientHello&)>;

struct PskWalk : Walk {
  PskWalk() { UsePsk(); }

  // The client's next hello but for `change`.
  Bytes HelloWith(const ChangeHello& change) {
    ClientHello hello = ParseClientHello(MessageOf(ToServer()).body).value();
    change(hello);
    return Serialize(hello).value();
  }

  // The client behind the server's ServerHello.
  AwaitEncryptedExtensions BehindHello() {
    return To<AwaitClientPskSecret>().Agree(AnySecret(), client).value();
  }
  AwaitServerFinished BehindExtensions() {
    auto waiting = BehindHello();
    auto next = Give(std::move(waiting), ToClient(), client).value();
    return std::get<AwaitServerFinished>(std::move(next));
  }
};

TEST(PskStates, HandshakeCompletesBothEnds) {
  PskWalk walk;
  auto waiting = walk.BehindExtensions();
  auto next = Give(std::move(waiting), walk.ToClient(), walk.client);
  ASSERT_EQ(Outcome(next), "accepted");
  const auto& client = std::get<Completed>(*next);
  const auto server =
      Give(*std::move(walk.waiting_psk_server), walk.ToServer(), walk.server);
  ASSERT_EQ(Outcome(server), "accepted");
  EXPECT_TRUE(client.session.keys.send.traffic_secret.Equals(
      server->session.keys.receive.traffic_secret));
}

// --- Which messages come ---

constexpr std::array kOthers = {
    HandshakeType::kClientHello,       HandshakeType::kServerHello,
    HandshakeType::kNewSessionTicket,  HandshakeType::kEncryptedExtensions,
    HandshakeType::kCertificate,       HandshakeType::kCertificateRequest,
    HandshakeType::kCertificateVerify, HandshakeType::kKeyUpdate,
};

Bytes Empty(HandshakeType type) {
  return {static_cast<uint8_t>(type), 0, 0, 0};
}

// RFC 8446 section 4.3.2: no CertificateRequest, and section 4.4.2: no
// Certificate.
TEST(PskStates, TheClientTakesOnlyFinishedBehindTheExtensions) {
  for (const HandshakeType type : kOthers) {
    PskWalk walk;
    auto waiting = walk.BehindExtensions();
    EXPECT_EQ(Outcome(Give(std::move(waiting), Empty(type), walk.client)),
              "unexpected_message")
        << static_cast<int>(type);
  }
}

TEST(PskStates, TheServerTakesOnlyFinished) {
  for (const HandshakeType type : kOthers) {
    PskWalk walk;
    auto server =
        walk.To<AwaitServerPskSecret>().Agree(Walk::AnySecret(), walk.server);
    ASSERT_EQ(Outcome(server), "accepted");
    EXPECT_EQ(Outcome(Give(std::move(*server), Empty(type), walk.server)),
              "unexpected_message")
        << static_cast<int>(type);
  }
}

TEST(PskStates, TheServerAsksForNoCertificate) {
  PskWalk walk;
  walk.server_config.client_auth = ClientAuth::kRequire;
  auto waiting = walk.BehindHello();
  const Bytes extensions = walk.ToClient();
  const Bytes finished = walk.ToClient();
  EXPECT_EQ(MessageOf(extensions).type, HandshakeType::kEncryptedExtensions);
  EXPECT_EQ(MessageOf(finished).type, HandshakeType::kFinished);
  EXPECT_TRUE(walk.ToClient().empty());
}

// --- The client's hello ---

std::string_view OutcomeOfConfig(const ChangeHello& change,
                                 ServerConfig config) {
  PskWalk walk;
  const auto client = walk.To<AwaitServerHello>();
  auto server = Give(AwaitClientHello(), walk.HelloWith(change), walk.server);
  return server.ok() ? Outcome(std::move(*server).Configure(std::move(config),
                                                            walk.server))
                     : Outcome(server);
}

ServerConfig Requiring(bool certificate) {
  ServerConfig config;
  if (certificate) {
    config = Walk().server_config;
  }
  config.psk = PskPolicy::kRequire;
  return config;
}

// Section 4.2.9: a server MUST NOT choose a mode that the client does not list.
TEST(PskStates, APskIsOfNoUseWithoutTheModeWithKeyAgreement) {
  for (const bool certificate : {false, true}) {
    EXPECT_EQ(OutcomeOfConfig([](auto&) {}, Requiring(certificate)),
              "accepted");
    EXPECT_EQ(
        OutcomeOfConfig([](auto& hello) { hello.psk_key_exchange_modes = {0}; },
                        Requiring(certificate)),
        "no_common_psk");
  }
}

TEST(PskStates, ARequiredPskIsNotReplacedByACertificate) {
  Walk walk;
  EXPECT_EQ(Outcome(walk.To<AwaitServerConfig>().Configure(Requiring(true),
                                                           walk.server)),
            "no_common_psk");
  PskWalk other;
  other.server_config = Requiring(true);
  EXPECT_EQ(
      Outcome(other.To<AwaitPskChoice>().Choose(std::nullopt, other.server)),
      "unknown_psk_identity");
}

// Section 4.2.11: without an acceptable PSK the server goes on without one.
TEST(PskStates, AnAllowedPskIsReplacedByACertificate) {
  PskWalk walk;
  const auto client = walk.To<AwaitServerHello>();
  const Bytes hello = walk.HelloWith([](auto& offer) {
    offer.signature_algorithms = {SignatureScheme::kEd25519};
  });
  auto server = Give(AwaitClientHello(), hello, walk.server);
  ASSERT_EQ(Outcome(server), "accepted");
  ServerConfig config = Requiring(/*certificate=*/true);
  config.psk = PskPolicy::kAllow;
  auto choice = std::move(*server).Configure(std::move(config), walk.server);
  ASSERT_EQ(Outcome(choice), "accepted");
  auto next = std::get<AwaitPskChoice>(std::move(*choice))
                  .Choose(std::nullopt, walk.server);
  ASSERT_EQ(Outcome(next), "accepted");
  EXPECT_TRUE(std::holds_alternative<AwaitServerSignature>(*next));
}

TEST(PskStates, APskAloneIsRefused) {
  EXPECT_EQ(OutcomeOfConfig(
                [](auto& hello) {
                  hello.supported_groups.clear();
                  hello.key_shares.reset();
                },
                Requiring(false)),
            "no_common_psk");
}

// Section 4.2.11: for external identities the obfuscated_ticket_age is 0, "and
// servers MUST ignore the value".
TEST(PskStates, TheAgeOfATicketIsSentAsZeroAndIgnored) {
  for (const uint32_t age : {0U, 1U, 0xffffffffU}) {
    PskWalk walk;
    const auto client = walk.To<AwaitServerHello>();
    const Bytes hello = walk.HelloWith([&](auto& offer) {
      EXPECT_EQ(offer.pre_shared_keys->identities.at(0).obfuscated_ticket_age,
                0U);
      offer.pre_shared_keys->identities[0].obfuscated_ticket_age = age;
    });
    auto server = Give(AwaitClientHello(), hello, walk.server).value();
    auto choice =
        std::move(server).Configure(walk.server_config, walk.server).value();
    auto binder = std::get<AwaitPskChoice>(std::move(choice))
                      .Choose(PskChoice{0, HashAlgorithm::kSha256}, walk.server)
                      .value();
    EXPECT_EQ(Outcome(std::get<AwaitPeerBinder>(std::move(binder))
                          .Accept(VerdictSource::AcceptedPsk())),
              "accepted");
  }
}

// --- The client's second hello ---

std::string_view OutcomeOfSecondHello(const ChangeHello& change) {
  PskWalk walk;
  auto server = walk.To<AwaitSecondHello>();
  auto client =
      Give(*std::move(walk.waiting_client), walk.ToClient(), walk.client);
  auto bound = std::get<AwaitOwnBinder>(std::move(*client))
                   .Bind(Walk::AnySecret(), walk.client);
  EXPECT_EQ(Outcome(bound), "accepted");
  return Outcome(Give(std::move(server), walk.HelloWith(change), walk.server));
}

TEST(PskStates, TheSecondHelloMustOfferTheChosenPsk) {
  EXPECT_EQ(OutcomeOfSecondHello([](auto&) {}), "accepted");
  EXPECT_EQ(OutcomeOfSecondHello([](auto& hello) {
              hello.pre_shared_keys->identities.front().identity.push_back(0);
            }),
            "unknown_psk_identity");
  EXPECT_EQ(
      OutcomeOfSecondHello([](auto& hello) { hello.pre_shared_keys.reset(); }),
      "unknown_psk_identity");
}

// --- Answers of the caller ---

TEST(PskStates, AChoiceMustBeAmongTheOffered) {
  PskWalk walk;
  EXPECT_EQ(Outcome(walk.To<AwaitPskChoice>().Choose(
                PskChoice{1, HashAlgorithm::kSha256}, walk.server)),
            "api_misuse");
}

TEST(PskStates, ASecretOfAnotherHashIsRefused) {
  PskWalk of_server;
  EXPECT_EQ(Outcome(of_server.To<AwaitServerPskSecret>().Agree(
                Walk::AnySecret(HashAlgorithm::kSha384), of_server.server)),
            "api_misuse");
  PskWalk of_client;
  EXPECT_EQ(Outcome(of_client.To<AwaitClientPskSecret>().Agree(
                Walk::AnySecret(HashAlgorithm::kSha384), of_client.client)),
            "api_misuse");
}

// --- The client's proof ---

TEST(PskStates, ABinderOfAnotherLengthIsNotAskedAbout) {
  for (const std::size_t size : {33U, 48U, 255U}) {
    PskWalk walk;
    const auto client = walk.To<AwaitServerHello>();
    const Bytes hello = walk.HelloWith([size](auto& offer) {
      offer.pre_shared_keys->binders.front().resize(size);
    });
    auto server = Give(AwaitClientHello(), hello, walk.server).value();
    auto choice =
        std::move(server).Configure(walk.server_config, walk.server).value();
    EXPECT_EQ(
        Outcome(std::get<AwaitPskChoice>(std::move(choice))
                    .Choose(PskChoice{0, HashAlgorithm::kSha256}, walk.server)),
        "bad_psk_binder");
  }
}

TEST(PskStates, TheProofIsTheChosenIdentitysBinder) {
  PskWalk walk;
  const AwaitPeerBinder state = walk.To<AwaitPeerBinder>();
  const PskProof& proof = state.psk_proof();
  EXPECT_EQ(proof.claim.identity, Bytes{1});
  EXPECT_EQ(proof.claim.hash, HashAlgorithm::kSha256);
  EXPECT_TRUE(SecretEquals(Walk::AnySecret(), proof.binder));
}

TEST(PskStates, TellsWhichHashesCanBeUsed) {
  PskWalk walk;
  walk.server_config.suites = {CipherSuite::kChaCha20Poly1305Sha256,
                               CipherSuite::kAes256GcmSha384,
                               CipherSuite::kAes128GcmSha256};
  // The client of the walk has a PSK for SHA-256, and suites for that alone.
  EXPECT_EQ(walk.To<AwaitPskChoice>().hashes(),
            std::vector{HashAlgorithm::kSha256});
  PskWalk none;
  none.server_config.suites = {CipherSuite::kAes256GcmSha384};
  EXPECT_EQ(Outcome(none.To<AwaitServerConfig>().Configure(none.server_config,
                                                           none.server)),
            "no_common_cipher_suite");
}

}  // namespace
}  // namespace ktlsd::handshake
