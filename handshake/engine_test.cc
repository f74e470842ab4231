#include "handshake/engine.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <variant>
#include <vector>

#include "base/alert.h"
#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/config.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_pki.h"
#include "handshake/testing/world.h"

namespace ktlsd::handshake {
namespace {

void ExpectSameKeys(Pair& pair) {
  ASSERT_TRUE(pair.client.done()) << FailureOf(pair.client);
  ASSERT_TRUE(pair.server.done()) << FailureOf(pair.server);
  auto client = std::move(pair.client.engine()).TakeSession();
  auto server = std::move(pair.server.engine()).TakeSession();
  ASSERT_TRUE(client.ok());
  ASSERT_TRUE(server.ok());
  const SessionKeys& ours = client->session.keys;
  const SessionKeys& theirs = server->session.keys;
  EXPECT_EQ(ours.suite, theirs.suite);
  EXPECT_FALSE(ours.send.traffic_secret.empty());
  EXPECT_TRUE(ours.send.traffic_secret.Equals(theirs.receive.traffic_secret));
  EXPECT_TRUE(ours.receive.traffic_secret.Equals(theirs.send.traffic_secret));
  EXPECT_FALSE(ours.send.traffic_secret.Equals(ours.receive.traffic_secret));
  EXPECT_EQ(ours.send.next_record, 0U);
  EXPECT_EQ(ours.receive.next_record, 0U);
}

struct Parameters {
  CipherSuite suite;
  NamedGroup group;
  KeyKind key;
  bool retry;
};

class EveryParameter : public testing::TestWithParam<Parameters> {};

TEST_P(EveryParameter, MutualHandshakeGivesBothEndsTheSameKeys) {
  const Parameters& parameters = GetParam();
  const World world(parameters.key);
  LocalPeerSetup client = world.Client();
  client.client.suites = {parameters.suite};
  client.client.groups = DefaultGroups();
  client.client.share_groups = {!parameters.retry ? parameters.group
                                : parameters.group == NamedGroup::kX25519
                                    ? NamedGroup::kSecp256r1
                                    : NamedGroup::kX25519};
  LocalPeerSetup server = world.Server();
  server.server.groups = {parameters.group};
  Pair pair = Handshake(client, server);
  for (const LocalPeer* peer : {&pair.client, &pair.server}) {
    const HandshakeInfo& info = peer->engine().info();
    EXPECT_EQ(info.suite, parameters.suite);
    EXPECT_EQ(info.group, parameters.group);
    EXPECT_EQ(info.hello_retry, parameters.retry);
    EXPECT_TRUE(info.certificate_requested);
    EXPECT_TRUE(info.our_scheme);
    EXPECT_TRUE(info.peer_scheme);
  }
  ExpectSameKeys(pair);
}

std::vector<Parameters> AllParameters() {
  std::vector<Parameters> all;
  for (const auto suite :
       {CipherSuite::kAes128GcmSha256, CipherSuite::kAes256GcmSha384,
        CipherSuite::kChaCha20Poly1305Sha256}) {
    for (const auto group : {NamedGroup::kX25519, NamedGroup::kSecp256r1,
                             NamedGroup::kSecp384r1}) {
      for (const auto key : {KeyKind::kEcdsaP256, KeyKind::kEd25519}) {
        for (const bool retry : {false, true}) {
          all.push_back({suite, group, key, retry});
        }
      }
    }
  }
  for (const auto key : UsableKeyKinds()) {
    all.push_back(
        {CipherSuite::kAes256GcmSha384, NamedGroup::kX25519, key, false});
  }
  for (const NamedGroup group : SupportedGroups()) {
    for (const bool retry : {false, true}) {
      all.push_back({CipherSuite::kAes128CcmSha256, group, KeyKind::kEcdsaP256,
                     retry && group != NamedGroup::kX25519});
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Engine, EveryParameter,
                         testing::ValuesIn(AllParameters()));

TEST(Engine, AnySplitOfTheStreamGivesTheSameHandshake) {
  const World world;
  for (const std::size_t most : {1, 2, 3, 5, 7, 64}) {
    Wire wire;
    wire.most = most;
    Pair pair = Handshake(world.Client(), world.Server(), wire);
    ExpectSameKeys(pair);
  }
}

// A client shows a certificate when it is asked, and not unasked.
TEST(Engine, ServerOnlyAuthentication) {
  const World world;
  for (const bool has_certificate : {false, true}) {
    LocalPeerSetup client = world.Client();
    if (!has_certificate) {
      client.credentials.clear();
    }
    LocalPeerSetup server = world.Server();
    server.server.client_auth = ClientAuth::kNone;
    Pair pair = Handshake(client, server);
    EXPECT_FALSE(pair.client.engine().info().certificate_requested);
    EXPECT_FALSE(pair.client.engine().info().our_scheme);
    EXPECT_FALSE(pair.server.engine().info().peer_scheme);
    ExpectSameKeys(pair);
  }
}

TEST(Engine, RequestedCertificateMayBeMissing) {
  const World world;
  LocalPeerSetup client = world.Client();
  client.credentials.clear();
  Pair pair = Handshake(client, world.Server());
  EXPECT_TRUE(pair.client.engine().info().certificate_requested);
  EXPECT_FALSE(pair.client.engine().info().our_scheme);
  EXPECT_FALSE(pair.server.engine().info().peer_scheme);
  ExpectSameKeys(pair);
}

TEST(Engine, RequiredCertificateMayNotBeMissing) {
  const World world;
  LocalPeerSetup client = world.Client();
  client.credentials.clear();
  LocalPeerSetup server = world.Server();
  server.server.client_auth = ClientAuth::kRequire;
  const Pair pair = Handshake(client, server);
  EXPECT_EQ(FailureOf(pair.server), "certificate_required");
  EXPECT_EQ(pair.server.failure()->alert_sent, Alert::kCertificateRequired);
}

TEST(Engine, WithoutMiddleboxCompatibility) {
  const World world;
  LocalPeerSetup client = world.Client();
  client.client.middlebox_compatibility = false;
  Pair pair = Handshake(client, world.Server());
  ExpectSameKeys(pair);
}

TEST(Engine, RetriesWithoutMiddleboxCompatibility) {
  const World world;
  LocalPeerSetup client = world.Client();
  client.client.middlebox_compatibility = false;
  LocalPeerSetup server = world.Server();
  server.server.groups = {NamedGroup::kSecp384r1};
  Pair pair = Handshake(client, server);
  EXPECT_TRUE(pair.client.engine().info().hello_retry);
  ExpectSameKeys(pair);
}

TEST(Engine, ChoosesAnApplicationProtocol) {
  const World world;
  LocalPeerSetup client = world.Client();
  client.client.alpn_protocols = {{'a'}, {'b'}};
  LocalPeerSetup server = world.Server();
  server.server.alpn_protocols = {{'b'}};
  Pair pair = Handshake(client, server);
  EXPECT_EQ(pair.client.engine().info().alpn_protocol, Bytes{'b'});
  EXPECT_EQ(pair.server.engine().info().alpn_protocol, Bytes{'b'});
  ExpectSameKeys(pair);

  server.server.alpn_protocols = {{'c'}};
  const Pair refused = Handshake(client, server);
  EXPECT_EQ(FailureOf(refused.server), "no_application_protocol");
  EXPECT_EQ(refused.client.failure()->error.alert,
            static_cast<uint8_t>(Alert::kNoApplicationProtocol));
}

// --- Never a byte beyond the handshake. ---

bool WaitsForSignature(const LocalPeer& peer) {
  return std::holds_alternative<NeedSignature>(peer.engine().wait());
}

// Moves what `from` has to say into `queue`, and feeds `to` from there.
void Carry(LocalPeer& from, Bytes& queue, LocalPeer& to) {
  const ByteView output = from.engine().output();
  queue.insert(queue.end(), output.begin(), output.end());
  from.engine().Written(output.size());
  from.Settle();
  while (to.wants() && !queue.empty()) {
    const std::size_t size = std::min(queue.size(), *to.wants());
    to.engine().Feed(ByteView(queue).first(size));
    queue.erase(queue.begin(),
                queue.begin() + static_cast<std::ptrdiff_t>(size));
    while (!WaitsForSignature(to) && to.Resolve()) {
    }
  }
}

// Goes on until the client has all of the server's flight, and has to sign.
void CarryUntilClientSigns(LocalPeer& client, LocalPeer& server,
                           Bytes& to_server) {
  Bytes to_client;
  while (!WaitsForSignature(client)) {
    Carry(client, to_server, server);
    server.Settle();
    Carry(server, to_client, client);
  }
}

// Application data, and a change_cipher_spec, which is an error behind the
// peer's Finished (RFC 8446 section 5): both are the kernel's to judge.
TEST(Engine, LeavesWhatFollowsTheFinishedUnread) {
  const World world;
  for (const Bytes& tail :
       {Bytes{23, 3, 3, 0, 4, 1, 2, 3, 4}, Bytes{20, 3, 3, 0, 1, 1}}) {
    Pair pair{LocalPeer::Client(world.Client()),
              LocalPeer::Server(world.Server())};
    Bytes to_server;
    CarryUntilClientSigns(pair.client, pair.server, to_server);
    pair.client.Settle();
    // It arrives in one go with the client's Finished.
    const ByteView output = pair.client.engine().output();
    to_server.insert(to_server.end(), output.begin(), output.end());
    pair.client.engine().Written(output.size());
    to_server.insert(to_server.end(), tail.begin(), tail.end());
    Carry(pair.client, to_server, pair.server);
    EXPECT_TRUE(pair.server.done()) << FailureOf(pair.server);
    EXPECT_EQ(to_server, tail);
    ExpectSameKeys(pair);
  }
}

// A server that has sent its ServerHello has only keys to alert under that the
// client may not have: what can be refused is refused before.
TEST(Engine, RefusesBytesBehindTheClientHelloBeforeItAnswers) {
  const World world;
  LocalPeer client = LocalPeer::Client(world.Client());
  const ByteView hello = client.engine().output();
  Bytes stream(hello.begin(), hello.end());
  stream.push_back(static_cast<uint8_t>(HandshakeType::kFinished));
  stream[3] = static_cast<uint8_t>((stream.size() - kRecordHeaderSize) >> 8);
  stream[4] = static_cast<uint8_t>(stream.size() - kRecordHeaderSize);

  LocalPeer server = LocalPeer::Server(world.Server());
  for (ByteView rest = stream; !rest.empty();) {
    const std::size_t size = std::min(rest.size(), server.wants().value());
    server.engine().Feed(rest.first(size));
    rest = rest.subspan(size);
  }
  server.Settle();
  EXPECT_EQ(FailureOf(server), "unexpected_message");
  const ByteView output = server.engine().output();
  EXPECT_EQ(Bytes(output.begin(), output.end()),
            (Bytes{21, 3, 3, 0, 2, 2, 10}));
}

// --- Misuse. ---

TEST(Engine, AnswersThatWereNotWaitedForFailIt) {
  const World world;
  const std::vector<std::function<void(Engine&)>> misuses = {
      [](Engine& engine) { engine.Sign(Bytes{1}); },
      [](Engine& engine) { engine.Judge(Error{Code::kInternal, "x"}); },
      [](Engine& engine) { engine.Configure(ServerConfig{}); },
      [](Engine& engine) { engine.Feed(Bytes(6)); },
  };
  for (const auto& misuse : misuses) {
    LocalPeer peer = LocalPeer::Client(world.Client());
    peer.engine().Written(peer.engine().output().size());
    misuse(peer.engine());
    ASSERT_NE(peer.failure(), nullptr);
    EXPECT_EQ(FailureOf(peer), "api_misuse");
  }
}

TEST(Engine, TakesNoInputWhileOutputWaits) {
  const World world;
  LocalPeer peer = LocalPeer::Client(world.Client());
  peer.engine().Feed(Bytes(kRecordHeaderSize));
  EXPECT_EQ(FailureOf(peer), "api_misuse");
}

TEST(Engine, GivesNoSessionBeforeItIsDone) {
  const World world;
  LocalPeer peer = LocalPeer::Client(world.Client());
  EXPECT_FALSE(std::move(peer.engine()).TakeSession().ok());
}

TEST(Engine, GivesNoSessionWhileOutputWaits) {
  const World world;
  LocalPeer client = LocalPeer::Client(world.Client());
  LocalPeer server = LocalPeer::Server(world.Server());
  Bytes to_server;
  CarryUntilClientSigns(client, server, to_server);
  client.Settle();
  ASSERT_FALSE(client.engine().output().empty());
  EXPECT_FALSE(std::move(client.engine()).TakeSession().ok());
}

// A second session would have the proofs and no keys.
TEST(Engine, GivesItsSessionOnce) {
  const World world;
  Pair pair = Handshake(world.Client(), world.Server());
  Engine& engine = pair.client.engine();
  ASSERT_TRUE(std::move(engine).TakeSession().ok());
  // NOLINTBEGIN(bugprone-use-after-move): that is the question
  EXPECT_FALSE(std::move(engine).TakeSession().ok());
  engine.Abort(Error{Code::kInternal, "too late"});
  EXPECT_TRUE(engine.output().empty());
  // NOLINTEND(bugprone-use-after-move)
}

}  // namespace
}  // namespace ktlsd::handshake
