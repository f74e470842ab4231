#include "agent/worker/connection.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/ipc/messages.h"
#include "agent/ipc/wire_types.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error_codes.h"
#include "base/hkdf.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "gtest/gtest.h"
#include "handshake/credential.h"
#include "handshake/local_psks.h"
#include "handshake/peer_verifier.h"
#include "handshake/server_name.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_pki.h"
#include "ktls/loopback.h"
#include "ktls/testing/fake_socket_ops.h"

namespace ktlsd::agent {
namespace {

using handshake::BytesOf;
using handshake::Credential;
using handshake::TestPki;
using handshake::TrustStore;
using std::chrono::milliseconds;

class FakeClock final : public Clock {
 public:
  MonotonicTime Now() const override { return now_; }
  CalendarTime Today() const override { return handshake::kTestNow; }
  void Advance(milliseconds time) { now_ += time; }

 private:
  MonotonicTime now_{std::chrono::hours(1)};
};

// Answers as keeper and verifier would, at once or never.
class FakeServices final : public JobServices {
 public:
  Status RequestSignature(JobId, CredentialId credential,
                          const handshake::SignatureRequest& request) override {
    signature_requests.push_back(request);
    signers.push_back(credential);
    return answer;
  }
  Status RequestVerdict(JobId, const handshake::PeerProof& proof) override {
    verdict_requests.push_back(proof);
    return answer;
  }
  // What these refer to lives until it is answered.
  Status RequestPskChoice(JobId, const handshake::OfferedPsks& psks,
                          std::span<const HashAlgorithm> wanted) override {
    offered = &psks;
    hashes.assign(wanted.begin(), wanted.end());
    return answer;
  }
  Status RequestPskBinder(JobId, std::size_t index,
                          const handshake::PskBinderRequest& request) override {
    binder_request = &request;
    binder_indices.push_back(index);
    return answer;
  }
  Status RequestPskVerdict(JobId, const handshake::PskProof& proof) override {
    psk_proof = &proof;
    ++psk_proofs;
    return answer;
  }
  Status RequestPskSecret(JobId, std::size_t index,
                          const handshake::PskSecretRequest& request) override {
    secret_request = &request;
    secret_indices.push_back(index);
    return answer;
  }
  Status AwaitRoom(JobId, BorrowedFd) override {
    ++rooms_awaited;
    return answer;
  }
  Status StopWatching(BorrowedFd) override {
    stopped_watching = true;
    return stop_answer;
  }

  Status answer = Ok{};
  Status stop_answer = Ok{};
  std::vector<handshake::SignatureRequest> signature_requests;
  std::vector<CredentialId> signers;
  std::vector<handshake::PeerProof> verdict_requests;
  const handshake::OfferedPsks* offered = nullptr;
  std::vector<HashAlgorithm> hashes;
  const handshake::PskBinderRequest* binder_request = nullptr;
  std::vector<std::size_t> binder_indices;
  const handshake::PskProof* psk_proof = nullptr;
  int psk_proofs = 0;
  const handshake::PskSecretRequest* secret_request = nullptr;
  std::vector<std::size_t> secret_indices;
  bool stopped_watching = false;
  int rooms_awaited = 0;
};

bool NoDelay(int fd) {
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size);
  return value != 0;
}

constexpr JobId kJob = 7;

// One connection under test, and the other end of its socket.
class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest()
      : pki_(handshake::MakeTestPki()),
        server_(CredentialOf(pki_.server)),
        client_(CredentialOf(pki_.client)),
        trust_(TrustStore::FromPem(BytesOf(pki_.root.pem()), {}).value()) {
    auto pair = ktls::ConnectLoopback();
    EXPECT_TRUE(pair.ok());
    ours_ = std::move(pair->server);
    theirs_ = std::move(pair->client);
    observer_ = OwnedFd(::fcntl(ours_.raw(), F_DUPFD_CLOEXEC, 0));
  }

  Credential CredentialOf(const handshake::TestCertificate& end) const {
    return Credential::FromPem(BytesOf(pki_.ChainPemOf(end)),
                               BytesOf(end.key_pem()))
        .value();
  }

  static Job JobOf(Side side) {
    Job job;
    job.job = kJob;
    job.side = side;
    job.credentials = {1};
    job.suites = {0x1302, 0x1301};
    job.first_byte_ms = 1000;
    job.progress_ms = 500;
    job.total_ms = 4000;
    job.tcp_nodelay = 0;
    job.flags = side == Side::kServer ? kVerifyPeer | kRequestClientCertificate
                                      : kVerifyPeer;
    if (side == Side::kClient) {
      job.server_name = Text<kNameSize>::Of("server.example");
    }
    return job;
  }

  void Start(Side side) {
    connection_ = std::make_unique<Connection>(
        JobOf(side), std::move(ours_),
        OurSide{{(side == Side::kServer ? server_ : client_).certificate()},
                {}},
        services_, ktls_, clock_);
    connection_->Resume();
  }

  // What the connection of a client says first. Once.
  std::string HelloOf(const Job& job) {
    Connection connection(job, std::move(ours_), OurSide(), services_, ktls_,
                          clock_);
    connection.Resume();
    std::string hello(4096, 0);
    const ssize_t size =
        ::recv(theirs_.raw(), hello.data(), hello.size(), MSG_DONTWAIT);
    EXPECT_GT(size, 0);
    hello.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return hello;
  }

  // The other end, as the opposite role.
  handshake::LocalPeer Peer(Side side) const {
    handshake::LocalPeerSetup setup;
    setup.trust = &trust_;
    setup.policy.now = handshake::kTestNow;
    if (side == Side::kServer) {
      setup.credentials = {&server_};
      setup.policy.peer = handshake::Role::kClient;
      setup.server.client_auth = client_auth_;
      return handshake::LocalPeer::Server(setup);
    }
    setup.credentials = {&client_};
    setup.policy.peer = handshake::Role::kServer;
    setup.policy.names = {*handshake::ServerName::Parse("server.example")};
    setup.client.server_name = "server.example";
    return handshake::LocalPeer::Client(setup);
  }

  // Lets both ends work until neither gets on.
  void Exchange(handshake::LocalPeer& peer, const Credential& ours) {
    for (int quiet = 0; quiet < 3;) {
      const bool moved = PeerTurn(peer) || AnswerRequests(ours);
      connection_->Resume();
      quiet = moved ? 0 : quiet + 1;
    }
  }

  bool PeerTurn(handshake::LocalPeer& peer) {
    peer.Settle();
    const ByteView output = peer.engine().output();
    if (!output.empty()) {
      const ssize_t sent = ::send(theirs_.raw(), output.data(), output.size(),
                                  MSG_NOSIGNAL | MSG_DONTWAIT);
      peer.engine().Written(sent < 0 ? output.size()
                                     : static_cast<std::size_t>(sent));
      return true;
    }
    if (!peer.wants()) {
      return false;
    }
    Bytes buffer(*peer.wants());
    const ssize_t count =
        ::recv(theirs_.raw(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count <= 0) {
      return false;
    }
    peer.engine().Feed(ByteView(buffer).first(static_cast<std::size_t>(count)));
    return true;
  }

  bool AnswerRequests(const Credential& ours) {
    if (!services_.signature_requests.empty()) {
      const auto request = services_.signature_requests.back();
      services_.signature_requests.clear();
      connection_->OnSignature(
          ours.Sign(request.scheme, request.signer, request.transcript_hash));
      return true;
    }
    if (!services_.verdict_requests.empty()) {
      services_.verdict_requests.clear();
      connection_->OnVerdict(verdict_);
      return true;
    }
    return AnswerAboutPsks();
  }

  // As the monitor would, with psks_.
  bool AnswerAboutPsks() {
    if (services_.offered != nullptr) {
      const auto* offered = std::exchange(services_.offered, nullptr);
      connection_->OnPskChoice(psks_.Choose(*offered, services_.hashes));
      return true;
    }
    if (services_.binder_request != nullptr) {
      const auto* request = std::exchange(services_.binder_request, nullptr);
      connection_->OnPskBinder(psks_.Binder(*request));
      return true;
    }
    if (services_.psk_proof != nullptr) {
      const auto* proof = std::exchange(services_.psk_proof, nullptr);
      const auto verdict = psks_.Judge(*proof);
      connection_->OnPskVerdict(verdict.ok() ? Status(Ok{})
                                             : Status(verdict.error()));
      return true;
    }
    if (services_.secret_request != nullptr) {
      const auto* request = std::exchange(services_.secret_request, nullptr);
      connection_->OnPskSecret(psk_failure_ ? Result<HashSecret>(*psk_failure_)
                                            : psks_.HandshakeSecret(*request));
      return true;
    }
    return false;
  }

  // Ours, of a job with PSKs; a client offers those of psks_.
  void StartWithPsks(Side side) {
    Job job = JobOf(side);
    job.credentials = {};
    job.flags = kUsePsk;
    job.server_name = {};
    OurSide ours;
    if (side == Side::kClient) {
      ours.psks = psks_.names();
    }
    connection_ = std::make_unique<Connection>(
        job, std::move(ours_), std::move(ours), services_, ktls_, clock_);
    connection_->Resume();
  }

  static handshake::LocalPeer PeerWithPsks(Side side,
                                           const handshake::LocalPsks& psks) {
    handshake::LocalPeerSetup setup;
    setup.psks = &psks;
    setup.server.psk = handshake::PskPolicy::kRequire;
    return side == Side::kServer ? handshake::LocalPeer::Server(setup)
                                 : handshake::LocalPeer::Client(setup);
  }

  std::string_view ReportedCode() const {
    if (!connection_->report()) {
      return "none";
    }
    return connection_->report()->outcome.ok()
               ? "success"
               : Describe(connection_->report()->outcome.code()).label;
  }

  TestPki pki_;
  Credential server_;
  Credential client_;
  TrustStore trust_;
  OwnedFd ours_;
  OwnedFd theirs_;
  OwnedFd observer_;  // as the monitor has one
  FakeClock clock_;
  FakeServices services_;
  ktls::FakeSocketOps ktls_;
  Status verdict_ = Ok{};
  handshake::ClientAuth client_auth_ = handshake::ClientAuth::kRequest;
  handshake::LocalPsks psks_;
  std::optional<Error> psk_failure_;
  std::unique_ptr<Connection> connection_;
};

class ConnectionOfEachSide : public ConnectionTest,
                             public testing::WithParamInterface<Side> {
 protected:
  const Credential& OurCredential() const {
    return GetParam() == Side::kServer ? server_ : client_;
  }
};

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

// --- PSKs ---

const Bytes kFirstPsk = {'N', 'V', 'M', 'e', '1', 'R', '0', '2', ' ', 'a'};
const Bytes kSecondPsk = {'N', 'V', 'M', 'e', '1', 'R', '0', '1', ' ', 'b'};

TEST_P(ConnectionOfEachSide, EndsWithTheKeysOfAPsk) {
  ASSERT_TRUE(psks_.Add(kFirstPsk, Bytes(48, 1)).ok());
  ASSERT_TRUE(psks_.Add(kSecondPsk, Bytes(32, 2)).ok());
  handshake::LocalPsks theirs;
  ASSERT_TRUE(theirs.Add(kSecondPsk, Bytes(32, 2)).ok());
  StartWithPsks(GetParam());
  handshake::LocalPeer peer = PeerWithPsks(Opposite(GetParam()), theirs);
  Exchange(peer, OurCredential());
  ASSERT_EQ(ReportedCode(), "success");
  EXPECT_TRUE(peer.done());
  EXPECT_EQ(connection_->report()->suite, 0x1301);  // of the PSK's hash
  EXPECT_EQ(connection_->report()->our_scheme, 0);
  // The place in the job's list; a server has but the one chosen for it.
  const bool client = GetParam() == Side::kClient;
  EXPECT_EQ(services_.secret_indices,
            std::vector<std::size_t>{client ? 1U : 0U});
  EXPECT_EQ(services_.binder_indices, client ? (std::vector<std::size_t>{0, 1})
                                             : std::vector<std::size_t>{});
  EXPECT_EQ(services_.psk_proofs, client ? 0 : 1);
}

TEST_P(ConnectionOfEachSide, EndsWithAWrongPskInABadBinder) {
  ASSERT_TRUE(psks_.Add(kFirstPsk, Bytes(48, 1)).ok());
  handshake::LocalPsks theirs;
  ASSERT_TRUE(theirs.Add(kFirstPsk, Bytes(48, 9)).ok());
  StartWithPsks(GetParam());
  handshake::LocalPeer peer = PeerWithPsks(Opposite(GetParam()), theirs);
  Exchange(peer, OurCredential());
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  const bool client = GetParam() == Side::kClient;
  EXPECT_EQ(ReportedCode(), client ? "alert_received" : "bad_psk_binder");
  EXPECT_EQ(client ? connection_->report()->alert_received
                   : connection_->report()->alert_sent,
            static_cast<uint8_t>(Alert::kDecryptError));
}

TEST_P(ConnectionOfEachSide, EndsWhenNoPskIsKnown) {
  ASSERT_TRUE(psks_.Add(kFirstPsk, Bytes(48, 1)).ok());
  handshake::LocalPsks theirs;
  ASSERT_TRUE(theirs.Add(kSecondPsk, Bytes(32, 2)).ok());
  StartWithPsks(GetParam());
  handshake::LocalPeer peer = PeerWithPsks(Opposite(GetParam()), theirs);
  Exchange(peer, OurCredential());
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), GetParam() == Side::kClient
                                ? "alert_received"
                                : "unknown_psk_identity");
}

TEST_P(ConnectionOfEachSide, ReportsWhatTheMonitorRefused) {
  ASSERT_TRUE(psks_.Add(kFirstPsk, Bytes(48, 1)).ok());
  psk_failure_ = Error{Code::kKeyRejected, "revoked"};
  StartWithPsks(GetParam());
  handshake::LocalPeer peer = PeerWithPsks(Opposite(GetParam()), psks_);
  Exchange(peer, OurCredential());
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "key_rejected");
}

// Protected by nobody's keys.
constexpr std::array<uint8_t, 27> kStrayRecord = {23, 3, 3, 0, 22};

TEST_F(ConnectionTest, ReadsWhatIsThereBehindTheFinishedOfAPsk) {
  ASSERT_TRUE(psks_.Add(kFirstPsk, Bytes(48, 1)).ok());
  StartWithPsks(Side::kClient);
  ASSERT_TRUE(AnswerAboutPsks());
  handshake::LocalPeer peer = PeerWithPsks(Side::kServer, psks_);
  while (PeerTurn(peer)) {
  }
  ASSERT_EQ(::send(theirs_.raw(), kStrayRecord.data(), kStrayRecord.size(), 0),
            static_cast<ssize_t>(kStrayRecord.size()));
  Exchange(peer, client_);
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "bad_record_mac");
  EXPECT_TRUE(ktls_.calls().empty());
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

// A server's certificate is no substitute.
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

TEST_F(ConnectionTest, TakesNoHandshakeWithoutAPsk) {
  StartWithPsks(Side::kServer);
  handshake::LocalPeer peer = Peer(Side::kClient);
  Exchange(peer, server_);
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "no_common_psk");
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
