// Alerts and change_cipher_spec at the engine's edge: what ends a handshake,
// and that nothing is done or said behind the end.

#include <algorithm>
#include <vector>

#include "base/alert.h"
#include "base/bytes.h"
#include "base/error_codes.h"
#include "gtest/gtest.h"
#include "handshake/engine.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/world.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

constexpr uint8_t kWarning = 1;
constexpr uint8_t kFatal = 2;
const Bytes kChangeCipherSpec = {20, 3, 3, 0, 1, 1};
// Of a hello that no state would take.
const Bytes kHandshakeRecord = {22, 3, 3, 0, 4, 1, 0, 0, 0};

Bytes AlertRecord(uint8_t level, uint8_t number) {
  return {21, 3, 3, 0, 2, level, number};
}

// A client that waits for the server's hello.
LocalPeer WaitingClient(const World& world) {
  LocalPeer client = LocalPeer::Client(world.Client());
  client.engine().Written(client.engine().output().size());
  return client;
}

// Gives the peer what it wants of `stream`; how much it left.
std::size_t Feed(LocalPeer& peer, ByteView stream) {
  while (!stream.empty() && peer.wants()) {
    const std::size_t size = std::min(stream.size(), *peer.wants());
    peer.engine().Feed(stream.first(size));
    stream = stream.subspan(size);
  }
  return stream.size();
}

std::vector<LocalPeer> BothWaiting(const World& world) {
  std::vector<LocalPeer> peers;
  peers.push_back(WaitingClient(world));
  peers.push_back(LocalPeer::Server(world.Server()));
  return peers;
}

// --- Alerts ---

// RFC 8446 section 6: "Unknown Alert types MUST be treated as error alerts",
// whatever their level says.
TEST(EngineAlert, UnknownOnesEndTheHandshake) {
  const World world;
  for (const uint8_t number : Bytes{1, 41, 60, 100, 121, 200, 255}) {
    for (const uint8_t level : Bytes{kWarning, kFatal, 0, 77}) {
      for (LocalPeer& peer : BothWaiting(world)) {
        Feed(peer, AlertRecord(level, number));
        EXPECT_EQ(FailureOf(peer), "alert_received");
        EXPECT_EQ(peer.failure()->error.alert, number);
      }
    }
  }
}

// RFC 8446 section 6.1: "Any data received after a closure alert has been
// received MUST be ignored." Section 6.2: after a fatal alert "both parties
// MUST immediately close the connection", and no more is sent.
TEST(EngineAlert, NothingBehindTheEndIsReadOrAnswered) {
  const World world;
  for (const uint8_t number : {uint8_t{0}, uint8_t{40}}) {
    for (LocalPeer& peer : BothWaiting(world)) {
      Bytes stream = AlertRecord(kFatal, number);
      for (const Bytes& more : {kHandshakeRecord, AlertRecord(kFatal, 80)}) {
        stream.insert(stream.end(), more.begin(), more.end());
      }
      const std::size_t behind = kHandshakeRecord.size() + 7;
      EXPECT_EQ(Feed(peer, stream), behind);  // not wanted any more
      const Code code = number == 0 ? Code::kPeerClosed : Code::kAlertReceived;
      ASSERT_NE(peer.failure(), nullptr);
      EXPECT_EQ(peer.failure()->error.code, code);
      peer.engine().Feed(kHandshakeRecord);  // given all the same
      EXPECT_EQ(peer.failure()->error.code, code);
      EXPECT_TRUE(peer.engine().output().empty());
      EXPECT_FALSE(peer.failure()->alert_sent);
    }
  }
}

TEST(EngineAlert, IsTheLastThingThatIsSent) {
  const World world;
  for (LocalPeer& peer : BothWaiting(world)) {
    Feed(peer, Bytes{23, 3, 3, 0, 1, 0});  // application data without keys
    EXPECT_EQ(FailureOf(peer), "unexpected_message");
    const ByteView output = peer.engine().output();
    EXPECT_EQ(Bytes(output.begin(), output.end()), AlertRecord(kFatal, 10));
    peer.engine().Written(output.size());
    peer.engine().PeerClosed(/*reset=*/false);
    peer.engine().Abort(Error{Code::kInternal, "later"});
    peer.engine().Feed(kHandshakeRecord);
    EXPECT_TRUE(peer.engine().output().empty());
    EXPECT_EQ(FailureOf(peer), "unexpected_message");
  }
}

// --- change_cipher_spec, RFC 8446 section 5 ---

TEST(EngineChangeCipherSpec, BeforeTheFirstClientHelloIsUnexpected) {
  const World world;
  LocalPeer server = LocalPeer::Server(world.Server());
  Feed(server, kChangeCipherSpec);
  EXPECT_EQ(FailureOf(server), "unexpected_message");
  EXPECT_EQ(server.failure()->alert_sent, Alert::kUnexpectedMessage);
}

TEST(EngineChangeCipherSpec, BehindItIsDroppedByBothEnds) {
  const World world;
  const auto behind = [](std::size_t offset, Bytes& bytes) {
    if (offset == 0) {
      bytes.insert(bytes.end(), kChangeCipherSpec.begin(),
                   kChangeCipherSpec.end());
    }
    return true;
  };
  const auto before = [](std::size_t offset, Bytes& bytes) {
    if (offset == 0) {
      bytes.insert(bytes.begin(), kChangeCipherSpec.begin(),
                   kChangeCipherSpec.end());
    }
    return true;
  };
  const Pair pair = Handshake(world.Client(), world.Server(),
                              {.to_server = behind, .to_client = before});
  EXPECT_TRUE(pair.client.done()) << FailureOf(pair.client);
  EXPECT_TRUE(pair.server.done()) << FailureOf(pair.server);
}

}  // namespace
}  // namespace ktlsd::handshake
