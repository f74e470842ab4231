// Whole handshakes with external PSKs, and how they are refused.

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/key_access.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/key_share.h"
#include "handshake/engine.h"
#include "handshake/local_psks.h"
#include "handshake/psk_wait.h"
#include "handshake/record_protection.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/world.h"
#include "handshake/verdict_source.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

Bytes BytesFrom(std::string_view text) { return {text.begin(), text.end()}; }

Bytes KeyOf(uint8_t fill, std::size_t size = 32) { return Bytes(size, fill); }

LocalPsks OnePsk(std::string_view identity, uint8_t fill,
                 std::optional<HashAlgorithm> hash = std::nullopt) {
  LocalPsks psks;
  const std::size_t size = hash == HashAlgorithm::kSha384 ? 48 : 32;
  psks.Add(BytesFrom(identity), KeyOf(fill, size), hash).value();
  return psks;
}

LocalPeerSetup PskClient(const LocalPsks& psks) {
  LocalPeerSetup setup;
  setup.psks = &psks;
  return setup;
}

LocalPeerSetup PskServer(const LocalPsks& psks) {
  LocalPeerSetup setup;
  setup.psks = &psks;
  setup.server.psk = PskPolicy::kRequire;
  return setup;
}

void MakeRetry(LocalPeerSetup& client, LocalPeerSetup& server) {
  client.client.groups = {NamedGroup::kX25519, NamedGroup::kSecp256r1};
  client.client.share_groups = {NamedGroup::kX25519};
  server.server.groups = {NamedGroup::kSecp256r1};
}

// Both ends are done, with the same keys, by the PSK of `identity`.
void ExpectAgreed(Pair& pair, std::string_view identity) {
  ASSERT_TRUE(pair.client.done()) << FailureOf(pair.client);
  ASSERT_TRUE(pair.server.done()) << FailureOf(pair.server);
  auto client = std::move(pair.client.engine()).TakeSession();
  auto server = std::move(pair.server.engine()).TakeSession();
  ASSERT_TRUE(client.ok());
  ASSERT_TRUE(server.ok());
  const SessionKeys& ours = client->session.keys;
  const SessionKeys& theirs = server->session.keys;
  EXPECT_TRUE(ours.send.traffic_secret.Equals(theirs.receive.traffic_secret));
  EXPECT_TRUE(ours.receive.traffic_secret.Equals(theirs.send.traffic_secret));
  for (const HandshakeInfo* info :
       {&client->session.info, &server->session.info}) {
    EXPECT_EQ(info->psk_identity, BytesFrom(identity));
    EXPECT_FALSE(info->our_scheme);
    EXPECT_FALSE(info->peer_scheme);
    EXPECT_FALSE(info->certificate_requested);
  }
}

class PskOfHash
    : public testing::TestWithParam<std::tuple<HashAlgorithm, bool>> {};

TEST_P(PskOfHash, GivesBothEndsTheSameKeysAndASuiteOfItsHash) {
  const auto [hash, retry] = GetParam();
  const LocalPsks psks = OnePsk("host one", 7, hash);
  LocalPeerSetup client = PskClient(psks);
  LocalPeerSetup server = PskServer(psks);
  if (retry) {
    MakeRetry(client, server);
  }
  Pair pair = Handshake(client, server);
  const HandshakeInfo& info = pair.server.engine().info();
  EXPECT_EQ(info.hello_retry, retry);
  EXPECT_EQ(HashOf(info.suite), hash);
  ExpectAgreed(pair, "host one");
}

INSTANTIATE_TEST_SUITE_P(
    Psk, PskOfHash,
    testing::Combine(testing::Values(HashAlgorithm::kSha256,
                                     HashAlgorithm::kSha384),
                     testing::Bool()));

// Three PSKs, the last of which the server has.
struct Three {
  Three() {
    client.Add(BytesFrom("NVMe1R02 host sub one"), KeyOf(1, 48)).value();
    client.Add(BytesFrom("other"), KeyOf(2)).value();
    client.Add(BytesFrom("NVMe1R01 host sub two"), KeyOf(3)).value();
    server.Add(BytesFrom("NVMe1R01 host sub two"), KeyOf(3)).value();
  }
  LocalPsks client;
  LocalPsks server;
};

TEST(EnginePsk, SeveralIdentitiesHaveEachTheirOwnHash) {
  const Three three;
  Pair pair = Handshake(PskClient(three.client), PskServer(three.server));
  EXPECT_EQ(HashOf(pair.server.engine().info().suite), HashAlgorithm::kSha256);
  ExpectAgreed(pair, "NVMe1R01 host sub two");
}

// RFC 8446 section 4.1.2: the second hello leaves out the PSK of SHA-384, so
// the chosen one stands in another place.
TEST(EnginePsk, RetryDropsPsksOfAnotherHash) {
  const Three three;
  LocalPeerSetup client = PskClient(three.client);
  LocalPeerSetup server = PskServer(three.server);
  MakeRetry(client, server);
  Pair pair = Handshake(client, server);
  EXPECT_TRUE(pair.server.engine().info().hello_retry);
  ExpectAgreed(pair, "NVMe1R01 host sub two");
}

TEST(EnginePsk, TheServerTakesTheFirstThatItKnows) {
  const Three three;
  Pair pair = Handshake(PskClient(three.client), PskServer(three.client));
  EXPECT_EQ(HashOf(pair.client.engine().info().suite), HashAlgorithm::kSha384);
  ExpectAgreed(pair, "NVMe1R02 host sub one");
}

TEST(EnginePsk, OffersOnlySuitesOfItsHashes) {
  const LocalPsks psks = OnePsk("a", 1, HashAlgorithm::kSha384);
  LocalPeerSetup client = PskClient(psks);
  client.client.suites = {CipherSuite::kAes128GcmSha256};
  const LocalPeer peer = LocalPeer::Client(client);
  ASSERT_NE(peer.failure(), nullptr);
  EXPECT_EQ(peer.failure()->error.code, Code::kConfigUnusable);
}

void ExpectRefused(Pair& pair, std::string_view reason, Alert alert) {
  EXPECT_EQ(FailureOf(pair.server), reason);
  EXPECT_EQ(FailureOf(pair.client), "alert_received");
  ASSERT_NE(pair.client.failure(), nullptr);
  EXPECT_EQ(pair.client.failure()->error.alert, static_cast<uint8_t>(alert));
}

TEST(EnginePsk, UnknownIdentityIsRefused) {
  const LocalPsks theirs = OnePsk("stranger", 1);
  const LocalPsks ours = OnePsk("friend", 1);
  Pair pair = Handshake(PskClient(theirs), PskServer(ours));
  ExpectRefused(pair, "unknown_psk_identity", Alert::kUnknownPskIdentity);
}

// The identity is compared with its length, not as a prefix and not up to NUL.
TEST(EnginePsk, IdentitiesAreComparedByAllTheirBytes) {
  using namespace std::string_view_literals;
  const LocalPsks ours = OnePsk("sub1", 1);
  for (const std::string_view other :
       {"sub10"sv, "sub"sv, "sub1\0"sv, "sub1\0x"sv, "Sub1"sv}) {
    const LocalPsks theirs = OnePsk(other, 1);
    Pair pair = Handshake(PskClient(theirs), PskServer(ours));
    EXPECT_EQ(FailureOf(pair.server), "unknown_psk_identity") << other;
    Pair reverse = Handshake(PskClient(ours), PskServer(theirs));
    EXPECT_EQ(FailureOf(reverse.server), "unknown_psk_identity") << other;
  }
}

TEST(EnginePsk, AnotherKeyGivesABadBinder) {
  const LocalPsks theirs = OnePsk("name", 1);
  const LocalPsks ours = OnePsk("name", 2);
  for (const bool retry : {false, true}) {
    LocalPeerSetup client = PskClient(theirs);
    LocalPeerSetup server = PskServer(ours);
    if (retry) {
      MakeRetry(client, server);
    }
    Pair pair = Handshake(client, server);
    ExpectRefused(pair, "bad_psk_binder", Alert::kDecryptError);
  }
}

// The client offers suites for another hash only.
TEST(EnginePsk, APskThatFitsNoSuiteInCommonIsNotChosen) {
  LocalPsks theirs;
  theirs.Add(BytesFrom("name"), KeyOf(1), HashAlgorithm::kSha384).value();
  const LocalPsks ours = OnePsk("name", 1);
  Pair pair = Handshake(PskClient(theirs), PskServer(ours));
  ExpectRefused(pair, "unknown_psk_identity", Alert::kUnknownPskIdentity);
}

// Section 4.2.11: "The server MUST ensure that it selects a compatible PSK (if
// any) and cipher suite."
TEST(EnginePsk, TheServerChoosesAPskThatFitsItsSuites) {
  LocalPsks psks;
  psks.Add(BytesFrom("long"), KeyOf(1, 48), HashAlgorithm::kSha384).value();
  psks.Add(BytesFrom("short"), KeyOf(2)).value();
  LocalPeerSetup server = PskServer(psks);
  server.server.suites = {CipherSuite::kAes128GcmSha256};
  Pair by_second = Handshake(PskClient(psks), server);
  ExpectAgreed(by_second, "short");
  server.server.suites = {CipherSuite::kAes256GcmSha384};
  Pair by_first = Handshake(PskClient(psks), server);
  ExpectAgreed(by_first, "long");
}

TEST(EnginePsk, APskOfAnotherHashIsABadBinder) {
  LocalPsks theirs;
  theirs.Add(BytesFrom("name"), KeyOf(1), HashAlgorithm::kSha384).value();
  theirs.Add(BytesFrom("other"), KeyOf(2)).value();
  const LocalPsks ours = OnePsk("name", 1);
  Pair pair = Handshake(PskClient(theirs), PskServer(ours));
  ExpectRefused(pair, "bad_psk_binder", Alert::kDecryptError);
}

TEST(EnginePsk, AChangedHelloDoesNotFitItsBinder) {
  const LocalPsks psks = OnePsk("name", 1);
  Wire wire;
  wire.to_server = [](std::size_t offset, Bytes& bytes) {
    if (offset == 0) {
      bytes.at(kRecordHeaderSize + kHandshakeHeaderSize + 10) ^= 1;  // random
    }
    return true;
  };
  Pair pair = Handshake(PskClient(psks), PskServer(psks), wire);
  EXPECT_EQ(FailureOf(pair.server), "bad_psk_binder");
}

TEST(EnginePsk, AServerThatRequiresOneRefusesAHelloWithout) {
  const World world;
  const LocalPsks psks = OnePsk("name", 1);
  Pair pair = Handshake(world.Client(), PskServer(psks));
  ExpectRefused(pair, "no_common_psk", Alert::kHandshakeFailure);
}

TEST(EnginePsk, AServerThatIgnoresPsksNeedsSignatureAlgorithms) {
  const World world;
  const LocalPsks psks = OnePsk("name", 1);
  Pair pair = Handshake(PskClient(psks), world.Server());
  ExpectRefused(pair, "missing_extension", Alert::kMissingExtension);
}

TEST(EnginePsk, AServerThatAllowsThemStillServesCertificates) {
  const World world;
  const LocalPsks psks = OnePsk("name", 1);
  LocalPeerSetup server = world.Server();
  server.psks = &psks;
  server.server.psk = PskPolicy::kAllow;
  const Pair by_certificate = Handshake(world.Client(), server);
  EXPECT_TRUE(by_certificate.server.done());
  Pair by_psk = Handshake(PskClient(psks), server);
  ExpectAgreed(by_psk, "name");
}

TEST(EnginePsk, AClientWithPsksTakesNoCertificate) {
  const World world;
  const LocalPsks psks = OnePsk("name", 1);
  LocalPeerSetup client = PskClient(psks);
  client.credentials = {&world.server_credential()};
  EXPECT_EQ(FailureOf(LocalPeer::Client(client)), "config_unusable");
}

// --- What a server may answer to PSKs ---

// A client that offered `psks` and has not got its answer, with its hello.
struct Waiting {
  explicit Waiting(const LocalPsks& psks)
      : Waiting(LocalPeer::Client(PskClient(psks))) {}

  explicit Waiting(LocalPeer client) : peer(std::move(client)) {
    const ByteView output = peer.engine().output();
    const ByteView body =
        output.subspan(kRecordHeaderSize + kHandshakeHeaderSize);
    hello = ParseClientHello(body).value();
    peer.engine().Written(output.size());
  }

  // The client's failure at `answer`.
  std::string_view FailureAt(const ServerHello& answer) {
    const Bytes message = Serialize(answer).value();
    Bytes record = {22, 3, 3, static_cast<uint8_t>(message.size() >> 8),
                    static_cast<uint8_t>(message.size())};
    record.insert(record.end(), message.begin(), message.end());
    ByteView rest = record;
    while (!rest.empty() && peer.wants()) {
      const std::size_t size = std::min(rest.size(), *peer.wants());
      peer.engine().Feed(rest.first(size));
      rest = rest.subspan(size);
    }
    return FailureOf(peer);
  }

  ServerHello Answer() const {
    ServerHello answer;
    answer.legacy_session_id_echo = hello.legacy_session_id;
    answer.cipher_suite = hello.cipher_suites.front();
    answer.selected_version = kVersionTls13;
    answer.key_share = hello.key_shares->back();
    answer.selected_psk = 0;
    return answer;
  }

  LocalPeer peer;
  ClientHello hello;
};

TEST(EnginePsk, OffersNoCertificatesAndOnlyPskWithKeyAgreement) {
  const LocalPsks psks = OnePsk("name", 1);
  const Waiting client(psks);
  EXPECT_TRUE(client.hello.signature_algorithms.empty());
  EXPECT_EQ(client.hello.psk_key_exchange_modes, Bytes{kPskDheKe});
  for (const CipherSuite suite : client.hello.cipher_suites) {
    EXPECT_EQ(HashOf(suite), HashAlgorithm::kSha256);
  }
}

TEST(EnginePsk, TheServerMustChooseOne) {
  const LocalPsks psks = OnePsk("name", 1);
  Waiting client(psks);
  ServerHello answer = client.Answer();
  answer.selected_psk.reset();
  EXPECT_EQ(client.FailureAt(answer), "no_common_psk");
}

TEST(EnginePsk, TheServerMustChooseOneThatWasOffered) {
  const LocalPsks psks = OnePsk("name", 1);
  Waiting client(psks);
  ServerHello answer = client.Answer();
  answer.selected_psk = 1;
  EXPECT_EQ(client.FailureAt(answer), "illegal_parameter");
}

TEST(EnginePsk, TheSuiteMustFitTheHashOfTheChosenPsk) {
  const Three three;
  Waiting client(three.client);
  ServerHello answer = client.Answer();
  answer.cipher_suite = CipherSuite::kAes128GcmSha256;  // 0 is of SHA-384
  EXPECT_EQ(client.FailureAt(answer), "illegal_parameter");
}

TEST(EnginePsk, TheServerMayNotLeaveOutTheKeyAgreement) {
  const LocalPsks psks = OnePsk("name", 1);
  Waiting client(psks);
  ServerHello answer = client.Answer();
  answer.key_share.reset();
  EXPECT_EQ(client.FailureAt(answer), "illegal_parameter");
}

TEST(EnginePsk, AnAnswerWithAPskThatWasNotOfferedIsRefused) {
  const World world;
  Waiting client(LocalPeer::Client(world.Client()));
  EXPECT_EQ(client.FailureAt(client.Answer()), "unsupported_extension");
}

// --- Answers of the caller ---

TEST(EnginePsk, AnswersThatWereNotWaitedForEndTheHandshake) {
  Engine engine = Engine::Server();
  engine.GivePskBinder(HashSecret());
  ASSERT_NE(engine.failure(), nullptr);
  EXPECT_EQ(engine.failure()->error.code, Code::kApiMisuse);
  Engine other = Engine::Server();
  other.GivePskSecret(HashSecret());
  EXPECT_NE(other.failure(), nullptr);
  Engine third = Engine::Server();
  third.ChoosePsk(std::optional<PskChoice>());
  EXPECT_NE(third.failure(), nullptr);
  Engine fourth = Engine::Server();
  fourth.JudgePsk(VerdictSource::AcceptedPsk());
  EXPECT_NE(fourth.failure(), nullptr);
}

TEST(EnginePsk, ABinderOfTheWrongLengthIsNotSent) {
  ClientConfig config;
  config.psks = {{BytesFrom("name"), HashAlgorithm::kSha256}};
  Engine engine = Engine::Client(std::move(config));
  ASSERT_TRUE(std::holds_alternative<NeedPskBinder>(engine.wait()));
  engine.GivePskBinder(HashSecret(KeyAccess(), Bytes(48, 1)));
  ASSERT_NE(engine.failure(), nullptr);
  EXPECT_EQ(engine.failure()->error.code, Code::kApiMisuse);
}

TEST(EnginePsk, WhoCannotComputeSaysWhy) {
  ClientConfig config;
  config.psks = {{BytesFrom("name"), HashAlgorithm::kSha256}};
  Engine engine = Engine::Client(std::move(config));
  engine.GivePskBinder(Error{Code::kKeyUnavailable, "revoked"});
  ASSERT_NE(engine.failure(), nullptr);
  EXPECT_EQ(engine.failure()->error.code, Code::kKeyUnavailable);
}

// --- Behind the Finished ---

// A client that is done, and what its server could send next.
class EnginePskTicket : public testing::Test {
 protected:
  EnginePskTicket()
      : psks_(OnePsk("host one", 7)),
        pair_(Handshake(PskClient(psks_), PskServer(psks_))) {
    const auto server = std::move(pair_.server.engine()).TakeSession();
    EXPECT_TRUE(server.ok());
    const SessionKeys& keys = server->session.keys;
    sealer_ = std::make_unique<RecordSealer>(
        RecordSealer::Create(keys.suite, keys.send.traffic_secret).value());
  }

  Engine& client() { return pair_.client.engine(); }
  Bytes Record(ContentType type, ByteView content) {
    Bytes record;
    EXPECT_TRUE(sealer_->Seal(type, content, record).ok());
    return record;
  }
  // As far as the client reads.
  void Read(ByteView stream) {
    client().ReadTicket();
    while (!stream.empty() &&
           std::holds_alternative<NeedInput>(client().wait())) {
      const std::size_t most = std::get<NeedInput>(client().wait()).bytes;
      const ByteView piece = stream.first(std::min(most, stream.size()));
      client().Feed(piece);
      stream = stream.subspan(piece.size());
    }
    EXPECT_TRUE(stream.empty());
  }
  void ExpectEnd(Code code) {
    ASSERT_NE(client().failure(), nullptr);
    EXPECT_EQ(client().failure()->error.code, code);
  }

  const Bytes ticket_ = {4, 0, 0, 14, 0, 0, 0, 9, 1, 2, 3, 4, 0, 0, 1, 7, 0, 0};
  LocalPsks psks_;
  Pair pair_;
  std::unique_ptr<RecordSealer> sealer_;
};

TEST_F(EnginePskTicket, IsForgottenAndItsRecordCounted) {
  Bytes two = ticket_;
  two.insert(two.end(), ticket_.begin(), ticket_.end());
  Read(Record(ContentType::kHandshake, two));
  ASSERT_TRUE(pair_.client.done());
  Read(Record(ContentType::kHandshake, ticket_));
  ASSERT_TRUE(pair_.client.done());
  const auto session = std::move(client()).TakeSession();
  ASSERT_TRUE(session.ok());
  EXPECT_EQ(session->session.keys.receive.next_record, 2U);
  EXPECT_EQ(session->session.keys.send.next_record, 0U);
}

TEST_F(EnginePskTicket, IsReadToItsEnd) {
  const Bytes first =
      Record(ContentType::kHandshake, ByteView(ticket_).first(9));
  Read(first);
  EXPECT_FALSE(pair_.client.done());
  EXPECT_EQ(std::move(client()).TakeSession().error().code, Code::kApiMisuse);
}

TEST_F(EnginePskTicket, IsAllThatMayBeThere) {
  Read(Record(ContentType::kHandshake, Bytes{24, 0, 0, 1, 0}));  // KeyUpdate
  ExpectEnd(Code::kUnexpectedMessage);
}

TEST_F(EnginePskTicket, IsNoData) {
  Read(Record(ContentType::kApplicationData, Bytes{1}));
  ExpectEnd(Code::kUnexpectedMessage);
}

TEST_F(EnginePskTicket, IsNoAlert) {
  Read(Record(ContentType::kAlert, Bytes{2, 51}));
  ExpectEnd(Code::kAlertReceived);
}

TEST_F(EnginePskTicket, IsOfTheServersKeys) {
  Bytes record = Record(ContentType::kHandshake, ticket_);
  record.back() ^= 1;
  Read(record);
  ExpectEnd(Code::kBadRecordMac);
}

TEST(EnginePsk, OnlyAClientReadsTickets) {
  const LocalPsks psks = OnePsk("host one", 7);
  Pair pair = Handshake(PskClient(psks), PskServer(psks));
  pair.server.engine().ReadTicket();
  ASSERT_NE(pair.server.failure(), nullptr);
  EXPECT_EQ(pair.server.failure()->error.code, Code::kApiMisuse);
}

// A server that proves itself by certificate may speak first.
TEST(EngineTicket, IsLeftWhereTheServerHasACertificate) {
  const World world;
  Pair pair = Handshake(world.Client(), world.Server());
  ASSERT_TRUE(pair.client.done());
  pair.client.engine().ReadTicket();
  ASSERT_NE(pair.client.failure(), nullptr);
  EXPECT_EQ(pair.client.failure()->error.code, Code::kApiMisuse);
}

}  // namespace
}  // namespace ktlsd::handshake
