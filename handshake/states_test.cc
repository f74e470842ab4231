// The table of states.h, row by row. What a message may say is tested in
// client_test.cc and server_test.cc.

#include "handshake/states.h"

#include <array>
#include <string_view>
#include <utility>
#include <variant>

#include "base/alert.h"
#include "base/bytes.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/channel.h"
#include "handshake/client.h"
#include "handshake/client_start.h"
#include "handshake/config.h"
#include "handshake/record_protection.h"
#include "handshake/server.h"
#include "handshake/server_start.h"
#include "handshake/testing/walk.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

constexpr std::array kEveryType = {
    HandshakeType{0},  // hello_request of TLS 1.2
    HandshakeType::kClientHello,
    HandshakeType::kServerHello,
    HandshakeType::kNewSessionTicket,
    HandshakeType::kEndOfEarlyData,
    HandshakeType::kEncryptedExtensions,
    HandshakeType::kCertificate,
    HandshakeType::kCertificateRequest,
    HandshakeType::kCertificateVerify,
    HandshakeType::kFinished,
    HandshakeType::kKeyUpdate,
    HandshakeType::kMessageHash,
};

Bytes EmptyMessage(HandshakeType type) {
  return {static_cast<uint8_t>(type), 0, 0, 0};
}

template <typename S, HandshakeType... kDue>
struct Row {
  using State = S;
  static bool IsDue(HandshakeType type) { return ((type == kDue) || ...); }
};

template <typename R>
class ReadingState : public testing::Test {};

using Rows = testing::Types<
    Row<AwaitServerHello, HandshakeType::kServerHello>,
    Row<AwaitEncryptedExtensions, HandshakeType::kEncryptedExtensions>,
    Row<AwaitServerCertificate, HandshakeType::kCertificateRequest,
        HandshakeType::kCertificate>,
    Row<AwaitServerProof, HandshakeType::kCertificateVerify>,
    Row<AwaitServerFinished, HandshakeType::kFinished>,
    Row<AwaitClientHello, HandshakeType::kClientHello>,
    Row<AwaitSecondHello, HandshakeType::kClientHello>,
    Row<AwaitClientCertificate, HandshakeType::kCertificate>,
    Row<AwaitClientProof, HandshakeType::kCertificateVerify>,
    Row<AwaitClientFinished, HandshakeType::kFinished>>;
TYPED_TEST_SUITE(ReadingState, Rows);

TYPED_TEST(ReadingState, TakesOnlyTheMessageThatIsDue) {
  using State = typename TypeParam::State;
  for (const HandshakeType type : kEveryType) {
    Walk walk;
    Channel channel;
    const std::string_view outcome =
        Outcome(Give(walk.To<State>(), EmptyMessage(type), channel));
    EXPECT_EQ(outcome == "unexpected_message", !TypeParam::IsDue(type))
        << static_cast<int>(type) << " gave " << outcome;
  }
}

// The other states wait for their owner and cannot be given a message.
template <typename State>
constexpr bool kReads =
    TakesMessageAlone<State> ||
    requires(State state, const Bytes& whole, Channel& channel) {
      std::move(state).Receive(MessageOf(whole), channel);
    };
static_assert(kReads<AwaitServerHello> && kReads<AwaitServerProof>);
static_assert(!kReads<AwaitServerVerdict> && !kReads<AwaitClientSignature>);
static_assert(!kReads<AwaitServerConfig> && !kReads<AwaitServerSignature>);
static_assert(!kReads<AwaitClientVerdict> && !kReads<Completed>);
static_assert(!kReads<AwaitOwnBinder> && !kReads<AwaitClientPskSecret>);
static_assert(!kReads<AwaitPskChoice> && !kReads<AwaitPeerBinder>);
static_assert(!kReads<AwaitServerPskSecret>);

void ExpectSameKeys(const SessionKeys& client, const SessionKeys& server) {
  EXPECT_FALSE(client.send.traffic_secret.empty());
  EXPECT_TRUE(client.send.traffic_secret.Equals(server.receive.traffic_secret));
  EXPECT_TRUE(client.receive.traffic_secret.Equals(server.send.traffic_secret));
}

// Gives `server` the client's Finished.
template <typename State>
void ExpectCompleted(State server, Walk& walk) {
  const auto completed = Give(std::move(server), walk.ToServer(), walk.server);
  ASSERT_EQ(Outcome(completed), "accepted");
  ExpectSameKeys(walk.completed_client->session.keys, completed->session.keys);
}

TEST(States, MutualHandshakeCompletesBothEnds) {
  Walk walk;
  auto server = walk.To<AwaitClientFinished>();
  ExpectCompleted(std::move(server), walk);
}

TEST(States, RequestComesOnce) {
  Walk walk;
  auto state = walk.To<AwaitServerCertificate>();
  const Bytes request = walk.ToClient();
  auto asked = Give(std::move(state), request, walk.client);
  ASSERT_EQ(Outcome(asked), "accepted");
  auto& again = std::get<AwaitServerCertificate>(*asked);
  EXPECT_EQ(Outcome(Give(std::move(again), request, walk.client)),
            "unexpected_message");
}

// Completes a client that has no certificate.
void CompleteClientUnsigned(Walk& walk) {
  walk.client_config.certificates.clear();
  auto state = walk.To<AwaitServerFinished>();
  auto next = Give(std::move(state), walk.ToClient(), walk.client);
  walk.completed_client.emplace(std::get<Completed>(std::move(*next)));
}

TEST(States, RequestedCertificateMayBeMissing) {
  Walk walk;
  CompleteClientUnsigned(walk);
  auto next =
      Give(*std::move(walk.waiting_server), walk.ToServer(), walk.server);
  ASSERT_EQ(Outcome(next), "accepted");
  ExpectCompleted(std::get<AwaitClientFinished>(std::move(*next)), walk);
}

TEST(States, RequiredCertificateMayNotBeMissing) {
  Walk walk;
  walk.server_config.client_auth = ClientAuth::kRequire;
  CompleteClientUnsigned(walk);
  EXPECT_EQ(Outcome(Give(*std::move(walk.waiting_server), walk.ToServer(),
                         walk.server)),
            "certificate_required");
}

TEST(States, ServerThatAsksForNothingAwaitsTheFinished) {
  Walk walk;
  walk.server_config.client_auth = ClientAuth::kNone;
  auto next = walk.To<AwaitServerSignature>().Sign(Bytes{1}, walk.server);
  ASSERT_EQ(Outcome(next), "accepted");
  EXPECT_TRUE(std::holds_alternative<AwaitClientFinished>(*next));
}

TEST(States, RetryAsksOnceForTheOtherGroup) {
  Walk walk;
  auto server = walk.To<AwaitSecondHello>();
  const Bytes retry = walk.ToClient();
  auto client = Give(*std::move(walk.waiting_client), retry, walk.client);
  ASSERT_EQ(Outcome(client), "accepted");
  auto& second = std::get<AwaitServerHello>(*client);
  ASSERT_EQ(Outcome(Give(std::move(server), walk.ToServer(), walk.server)),
            "accepted");
  EXPECT_EQ(Outcome(Give(std::move(second), retry, walk.client)),
            "unexpected_message");
}

// --- Finished ends the handshake and its record ---

TEST(States, NothingMayFollowTheServersFinished) {
  Walk walk;
  auto state = walk.To<AwaitServerFinished>();
  Channel channel = ChannelWithLeftOver();
  EXPECT_EQ(Outcome(Give(std::move(state), walk.ToClient(), channel)),
            "unexpected_message");
}

TEST(States, NothingMayFollowTheClientsFinished) {
  Walk walk;
  auto state = walk.To<AwaitClientFinished>();
  Channel channel = ChannelWithLeftOver();
  EXPECT_EQ(Outcome(Give(std::move(state), walk.ToServer(), channel)),
            "unexpected_message");
}

template <typename State>
void ExpectFinishedChecked(Bytes (Walk::*next)()) {
  for (const bool shorter : {false, true}) {
    Walk walk;
    auto state = walk.To<State>();
    Bytes finished = (walk.*next)();
    if (shorter) {
      finished.pop_back();
    } else {
      finished.back() ^= 1;
    }
    EXPECT_EQ(Outcome(Give(std::move(state), finished, walk.client)),
              shorter ? "decode_error" : "bad_finished");
  }
}

TEST(States, FinishedIsChecked) {
  ExpectFinishedChecked<AwaitServerFinished>(&Walk::ToClient);
  ExpectFinishedChecked<AwaitClientFinished>(&Walk::ToServer);
}

// --- Alerts after our own Finished go under the application keys ---

void ExpectAlertUnder(const DirectionKeys& keys, CipherSuite suite,
                      Channel& channel) {
  channel.Written(channel.output().pending().size());
  ASSERT_TRUE(channel.SendAlert(Alert::kInternalError).ok());
  const ByteView record = channel.output().pending();
  RecordOpener opener =
      RecordOpener::Create(suite, keys.traffic_secret).value();
  const auto opened = opener.Open(record.first(kRecordHeaderSize),
                                  record.subspan(kRecordHeaderSize));
  ASSERT_EQ(Outcome(opened), "accepted");
  EXPECT_EQ(opened->type, ContentType::kAlert);
}

TEST(States, ClientAlertsUnderItsApplicationKey) {
  Walk walk;
  auto server = walk.To<AwaitClientFinished>();
  const SessionKeys& keys = walk.completed_client->session.keys;
  ExpectAlertUnder(keys.send, keys.suite, walk.client);
}

TEST(States, ClientWithoutACertificateDoesSoToo) {
  Walk walk;
  CompleteClientUnsigned(walk);
  const SessionKeys& keys = walk.completed_client->session.keys;
  ExpectAlertUnder(keys.send, keys.suite, walk.client);
}

TEST(States, ServerAlertsUnderItsApplicationKey) {
  Walk walk;
  auto server = walk.To<AwaitClientFinished>();
  const SessionKeys& keys = walk.completed_client->session.keys;
  ExpectAlertUnder(keys.receive, keys.suite, walk.server);
}

}  // namespace
}  // namespace ktlsd::handshake
