#include "agent/worker/connection.h"

#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "agent/ipc/messages.h"
#include "agent/ipc/wire_types.h"
#include "agent/worker/testing/connection_world.h"
#include "base/alert.h"
#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "gtest/gtest.h"
#include "handshake/config.h"
#include "handshake/credential.h"
#include "handshake/testing/local_peer.h"
#include "ktls/loopback.h"

namespace ktlsd::agent {
namespace {

using handshake::Credential;
using std::chrono::milliseconds;

TEST_P(ConnectionOfEachSide, EndsWithTheKeysInTheKernel) {
  Start(GetParam());
  EXPECT_TRUE(NoDelay(observer_.raw()));
  handshake::LocalPeer peer = Peer(Opposite(GetParam()));
  Exchange(peer, OurCredential());
  ASSERT_EQ(ReportedCode(), "success");
  EXPECT_TRUE(peer.done());
  const JobReport& report = *connection_->report();
  EXPECT_EQ(report.job, kJob);
  EXPECT_EQ(report.suite, 0x1302);
  EXPECT_NE(report.group, 0);
  EXPECT_NE(report.our_scheme, 0);
  EXPECT_NE(report.peer_scheme, 0);
  EXPECT_EQ(report.alert_sent, kNoAlert);
  EXPECT_TRUE(services_.stopped_watching);
  EXPECT_FALSE(NoDelay(observer_.raw()));
  EXPECT_EQ(connection_->socket().raw(), -1);
}

// A poll that is still there could eat what the kernel is to be woken for.
TEST_P(ConnectionOfEachSide, InstallsNothingOnASocketThatMayStillBeWatched) {
  services_.stop_answer = Error{Code::kNoMemory, "io_uring_enter", EAGAIN};
  Start(GetParam());
  handshake::LocalPeer peer = Peer(Opposite(GetParam()));
  Exchange(peer, OurCredential());
  EXPECT_EQ(ReportedCode(), Describe(Code::kNoMemory).label);
  EXPECT_TRUE(ktls_.calls().empty());
}

TEST_P(ConnectionOfEachSide, LeavesTheFirstRecordToTheKernel) {
  Start(GetParam());
  handshake::LocalPeer peer = Peer(Opposite(GetParam()));
  Exchange(peer, OurCredential());
  ASSERT_EQ(ReportedCode(), "success");
  const Bytes record = {23, 3, 3, 0, 2, 1, 2};
  ASSERT_EQ(::send(theirs_.raw(), record.data(), record.size(), 0),
            static_cast<ssize_t>(record.size()));
  connection_->Resume();
  Bytes read(64);
  EXPECT_EQ(::recv(observer_.raw(), read.data(), read.size(), 0),
            static_cast<ssize_t>(record.size()));
}

TEST_P(ConnectionOfEachSide, TellsARefusedPeerWhy) {
  verdict_ = Error{Code::kCertificateExpired, "expired"};
  Start(GetParam());
  handshake::LocalPeer peer = Peer(Opposite(GetParam()));
  Exchange(peer, OurCredential());
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "certificate_expired");
  EXPECT_EQ(connection_->report()->alert_sent,
            static_cast<uint8_t>(Alert::kCertificateExpired));
  EXPECT_TRUE(ktls_.calls().empty());
  // A client is done before the server looks at its certificate: the alert is
  // then for whoever reads its socket.
  if (GetParam() == Side::kServer) {
    EXPECT_TRUE(peer.done());
    Bytes record(64);
    EXPECT_GT(::recv(theirs_.raw(), record.data(), record.size(), 0), 0);
    return;
  }
  while (PeerTurn(peer)) {
  }
  ASSERT_NE(peer.failure(), nullptr);
  EXPECT_EQ(peer.failure()->error.alert,
            static_cast<uint8_t>(Alert::kCertificateExpired));
}

TEST_P(ConnectionOfEachSide, EndsWhenThePeerGoes) {
  Start(GetParam());
  ::shutdown(theirs_.raw(), SHUT_WR);
  connection_->Resume();
  EXPECT_EQ(ReportedCode(), "peer_closed");
}

TEST_P(ConnectionOfEachSide, EndsWhenThePeerResets) {
  Start(GetParam());
  const linger now = {1, 0};
  ::setsockopt(theirs_.raw(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  theirs_.Close();
  connection_->Resume();
  EXPECT_EQ(ReportedCode(), "peer_reset");
}

TEST_P(ConnectionOfEachSide, EndsWhenThePeerNeverSpeaks) {
  Start(GetParam());
  clock_.Advance(milliseconds(999));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "none");
  clock_.Advance(milliseconds(1));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "deadline_first_byte");
}

TEST_P(ConnectionOfEachSide, ABytePerMomentDoesNotExtendTheWhole) {
  Start(GetParam());
  const Bytes hello = {22, 3, 3, 0x20, 0};
  for (int i = 0; i < 9; ++i) {
    clock_.Advance(milliseconds(450));
    const uint8_t byte = i < 5 ? hello[static_cast<std::size_t>(i)] : 1;
    ASSERT_EQ(::send(theirs_.raw(), &byte, 1, 0), 1);
    connection_->Resume();
    connection_->OnDeadline();
  }
  EXPECT_EQ(ReportedCode(), "deadline_total");
}

TEST_P(ConnectionOfEachSide, EndsWhenThePeerFallsSilent) {
  Start(GetParam());
  const Bytes start = {22, 3};
  ASSERT_EQ(::send(theirs_.raw(), start.data(), start.size(), 0), 2);
  connection_->Resume();
  clock_.Advance(milliseconds(500));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "deadline_progress");
}

// Whatever the peer does: it was asked nothing.
TEST_P(ConnectionOfEachSide, BlamesTheKeeperAndTheVerifierForWhatTheyOwe) {
  for (const bool verifier : {true, false}) {
    SCOPED_TRACE(verifier);
    auto pair = ktls::ConnectLoopback();
    ASSERT_TRUE(pair.ok());
    ours_ = std::move(pair->server);
    theirs_ = std::move(pair->client);
    services_ = {};
    Start(GetParam());
    handshake::LocalPeer peer = Peer(Opposite(GetParam()));
    const auto& proofs = services_.verdict_requests;
    const auto& signatures = services_.signature_requests;
    while (verifier ? proofs.empty() : signatures.empty()) {
      PeerTurn(peer);
      connection_->Resume();
      if (verifier ? !signatures.empty() : !proofs.empty()) {
        AnswerRequests(OurCredential());
      }
    }
    clock_.Advance(milliseconds(10'000));
    connection_->OnDeadline();
    clock_.Advance(milliseconds(200));
    connection_->OnDeadline();
    EXPECT_EQ(ReportedCode(),
              verifier ? "verifier_unavailable" : "keeper_unavailable");
  }
}

TEST_P(ConnectionOfEachSide, EveryFailedInstallationIsReported) {
  for (int nth = 1; nth <= 3; ++nth) {
    auto pair = ktls::ConnectLoopback();
    ASSERT_TRUE(pair.ok());
    ours_ = std::move(pair->server);
    theirs_ = std::move(pair->client);
    ktls_ = ktls::FakeSocketOps();
    ktls_.FailCall(nth, ENOPROTOOPT);
    Start(GetParam());
    handshake::LocalPeer peer = Peer(Opposite(GetParam()));
    Exchange(peer, OurCredential());
    ASSERT_TRUE(connection_->report());
    EXPECT_FALSE(connection_->report()->outcome.ok()) << nth;
  }
}

TEST_P(ConnectionOfEachSide, EndsWithTheKeeper) {
  Start(GetParam());
  handshake::LocalPeer peer = Peer(Opposite(GetParam()));
  while (services_.signature_requests.empty()) {
    PeerTurn(peer);
    connection_->Resume();
    if (!services_.verdict_requests.empty()) {
      services_.verdict_requests.clear();
      connection_->OnVerdict(Ok{});
    }
  }
  connection_->OnServiceLost({Code::kVerifierUnavailable, "gone"});
  EXPECT_EQ(ReportedCode(), "none");
  connection_->OnServiceLost({Code::kKeeperUnavailable, "gone"});
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "keeper_unavailable");
}

TEST_F(ConnectionTest, LeavesWhatIsThereBehindTheFinishedOfACertificate) {
  Start(Side::kClient);
  handshake::LocalPeer peer = Peer(Side::kServer);
  while (PeerTurn(peer)) {
  }
  ASSERT_EQ(::send(theirs_.raw(), kStrayRecord.data(), kStrayRecord.size(), 0),
            static_cast<ssize_t>(kStrayRecord.size()));
  Exchange(peer, client_);
  EXPECT_EQ(ReportedCode(), "success");
}

// A peer that gets the flight in pieces wakes for each.
TEST_F(ConnectionTest, WritesAServersFlightOnceItIsSigned) {
  Start(Side::kServer);
  handshake::LocalPeer peer = Peer(Side::kClient);
  ASSERT_TRUE(PeerTurn(peer));  // its hello
  connection_->Resume();
  ASSERT_EQ(services_.signature_requests.size(), 1U);
  uint8_t byte = 0;
  EXPECT_EQ(::recv(theirs_.raw(), &byte, 1, MSG_PEEK | MSG_DONTWAIT), -1);
  ASSERT_TRUE(AnswerRequests(server_));
  EXPECT_EQ(::recv(theirs_.raw(), &byte, 1, MSG_PEEK | MSG_DONTWAIT), 1);
  Exchange(peer, server_);
  EXPECT_EQ(ReportedCode(), "success");
}

TEST_F(ConnectionTest, SaysWhyEvenWhenNobodySigned) {
  Start(Side::kServer);
  handshake::LocalPeer peer = Peer(Side::kClient);
  ASSERT_TRUE(PeerTurn(peer));
  connection_->Resume();
  ASSERT_EQ(services_.signature_requests.size(), 1U);
  connection_->OnSignature(Error{Code::kKeeperUnavailable, "it went"});
  while (PeerTurn(peer)) {
  }
  ASSERT_NE(peer.engine().failure(), nullptr);
  EXPECT_EQ(peer.engine().failure()->error.code, Code::kAlertReceived);
}

TEST_F(ConnectionTest, TellsAClientThatThereIsNothingToShow) {
  connection_ =
      std::make_unique<Connection>(JobOf(Side::kServer), std::move(ours_),
                                   OurSide(), services_, ktls_, clock_);
  handshake::LocalPeer peer = Peer(Side::kClient);
  Exchange(peer, server_);
  while (PeerTurn(peer)) {
  }
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "no_certificate_configured");
  ASSERT_NE(peer.engine().failure(), nullptr);
  EXPECT_EQ(peer.engine().failure()->error.code, Code::kAlertReceived);
}

// A mount that is to be mutual. The server must not take it for one that holds.
TEST_F(ConnectionTest, RefusesAServerThatDoesNotAskForOurCertificate) {
  client_auth_ = handshake::ClientAuth::kNone;
  Start(Side::kClient);
  handshake::LocalPeer peer = Peer(Side::kServer);
  Exchange(peer, client_);
  while (PeerTurn(peer)) {
  }
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "certificate_required");
  ASSERT_NE(peer.engine().failure(), nullptr);
  EXPECT_EQ(peer.engine().failure()->error.code, Code::kAlertReceived);
  EXPECT_TRUE(ktls_.calls().empty());
}

TEST_F(ConnectionTest, LeavesAnOptionAloneThatIsAsItHasToBe) {
  const int on = 1;
  ASSERT_EQ(::setsockopt(ours_.raw(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on),
            0);
  Job job = JobOf(Side::kServer);
  job.tcp_nodelay = 1;
  connection_ = std::make_unique<Connection>(
      job, std::move(ours_), OurSide{{server_.certificate()}, {}}, services_,
      ktls_, clock_);
  connection_->Resume();
  EXPECT_TRUE(NoDelay(observer_.raw()));
  handshake::LocalPeer peer = Peer(Side::kClient);
  Exchange(peer, server_);
  ASSERT_EQ(ReportedCode(), "success");
  EXPECT_TRUE(NoDelay(observer_.raw()));
}

TEST_F(ConnectionTest, AsksToBeToldOfRoomWhereThereIsNone) {
  const int least = 1;
  ::setsockopt(ours_.raw(), SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
  const std::string much(1 << 16, 'x');
  while (::send(ours_.raw(), much.data(), much.size(), MSG_DONTWAIT) > 0) {
  }
  Start(Side::kClient);
  EXPECT_EQ(services_.rooms_awaited, 1);
  connection_->Resume();
  EXPECT_EQ(services_.rooms_awaited, 1);
  EXPECT_EQ(ReportedCode(), "none");
}

INSTANTIATE_TEST_SUITE_P(Connection, ConnectionOfEachSide,
                         testing::Values(Side::kClient, Side::kServer),
                         [](const auto& side) {
                           return std::string(SideName(side.param)) == "client"
                                      ? "Client"
                                      : "Server";
                         });

TEST_F(ConnectionTest, RefusesWhatIsNotTls) {
  Start(Side::kServer);
  const Bytes request(128, 0);  // an NVMe/TCP ICReq begins with zeros
  ASSERT_EQ(::send(theirs_.raw(), request.data(), request.size(), 0), 128);
  connection_->Resume();
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "not_tls");
}

// RFC 8449 section 4: the extension, with two bytes.
const std::string kLimitExtension("\x00\x1c\x00\x02", 4);

TEST_F(ConnectionTest, AsksForALimitOfRecordsOnlyWhereTheKernelKeepsOne) {
  EXPECT_EQ(HelloOf(JobOf(Side::kClient)).find(kLimitExtension),
            std::string::npos);
  auto pair = ktls::ConnectLoopback();
  ASSERT_TRUE(pair.ok());
  ours_ = std::move(pair->server);
  theirs_ = std::move(pair->client);
  Job job = JobOf(Side::kClient);
  job.flags |= kRecordSizeLimit;
  EXPECT_NE(HelloOf(job).find(kLimitExtension), std::string::npos);
}

// Of a client that takes 512 bytes; that its hello was changed on the way shows
// at its Finished only.
TEST_F(ConnectionTest, ReportsThePeersLimitOfRecords) {
  for (const bool negotiated : {true, false}) {
    auto pair = ktls::ConnectLoopback();
    ASSERT_TRUE(pair.ok());
    Job client = JobOf(Side::kClient);
    client.flags |= kRecordSizeLimit;
    ours_ = std::move(pair->server);
    theirs_ = std::move(pair->client);
    std::string hello = HelloOf(client);
    hello.replace(hello.find(kLimitExtension) + kLimitExtension.size(), 2,
                  std::string("\x02\x00", 2));
    pair = ktls::ConnectLoopback();
    ASSERT_TRUE(pair.ok());
    theirs_ = std::move(pair->client);
    Job job = JobOf(Side::kServer);
    job.flags |= negotiated ? kRecordSizeLimit : 0;
    services_ = {};
    connection_ = std::make_unique<Connection>(
        job, std::move(pair->server), OurSide{{server_.certificate()}, {}},
        services_, ktls_, clock_);
    ASSERT_EQ(::send(theirs_.raw(), hello.data(), hello.size(), 0),
              static_cast<ssize_t>(hello.size()));
    connection_->Resume();
    ASSERT_FALSE(services_.signature_requests.empty());
    connection_->OnServiceLost({Code::kKeeperUnavailable, "gone"});
    clock_.Advance(milliseconds(200));
    connection_->OnDeadline();
    ASSERT_EQ(ReportedCode(), "keeper_unavailable");
    EXPECT_EQ(connection_->report()->payload_limit, negotiated ? 511 : 0);
  }
}

TEST_F(ConnectionTest, SendsNoAddressAsServerName) {
  Job job = JobOf(Side::kClient);
  job.server_name = Text<kNameSize>::Of("192.0.2.1");
  const std::string hello = HelloOf(job);
  EXPECT_EQ(hello.find("192.0.2.1"), std::string::npos);
  EXPECT_EQ(hello.find("sunrpc"), std::string::npos);
}

// RFC 9289 section 5: clients offer it. As ALPN has it: with its length.
TEST_F(ConnectionTest, OffersSunrpcWhereTheJobSaysSo) {
  Job job = JobOf(Side::kClient);
  job.flags |= kOfferSunrpc;
  const std::string hello = HelloOf(job);
  EXPECT_NE(hello.find("\x06sunrpc"), std::string::npos);
  EXPECT_NE(hello.find("server.example"), std::string::npos);
}

// supported_groups and the shares follow the job.
TEST_F(ConnectionTest, OffersTheGroupsOfTheJob) {
  Job job = JobOf(Side::kClient);
  job.groups = {0x0018, 0x0017};
  const std::string hello = HelloOf(job);
  const std::string groups("\x00\x0a\x00\x06\x00\x04\x00\x18\x00\x17", 10);
  EXPECT_NE(hello.find(groups), std::string::npos);
}

TEST_F(ConnectionTest, TriesAgainWhenALinkWasFull) {
  services_.answer = Error{Code::kTooBusy, "full"};
  Start(Side::kServer);
  handshake::LocalPeer peer = Peer(Side::kClient);
  while (PeerTurn(peer)) {
    connection_->Resume();
  }
  EXPECT_EQ(ReportedCode(), "none");
  services_.answer = Ok{};
  Exchange(peer, server_);
  EXPECT_EQ(ReportedCode(), "success");
}

}  // namespace
}  // namespace ktlsd::agent
