#include "agent/worker/worker.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "agent/ipc/chain.h"
#include "agent/ipc/identities.h"
#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/ipc/wire_types.h"
#include "agent/sandbox/loop_kind.h"
#include "agent/worker/open_readiness.h"
#include "agent/worker/psk_requests.h"
#include "agent/worker/readiness.h"
#include "agent/worker/ring_calls.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error_codes.h"
#include "base/hkdf.h"
#include "base/key_access.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "gtest/gtest.h"
#include "handshake/credential.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/key_share.h"
#include "handshake/local_psks.h"
#include "handshake/peer_proof.h"
#include "handshake/peer_verifier.h"
#include "handshake/server_name.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_pki.h"
#include "handshake/wire.h"
#include "ktls/loopback.h"
#include "ktls/testing/fake_socket_ops.h"

namespace ktlsd::agent {
namespace {

using handshake::BytesOf;
using handshake::Credential;
using handshake::TrustStore;

constexpr CredentialId kCredential = 5;

// A worker in a thread of its own, and this test as monitor, keeper, verifier
// and peer. Every wait is for an event, with a deadline.
class WorkerTest : public testing::TestWithParam<LoopKind> {
 protected:
  WorkerTest()
      : pki_(handshake::MakeTestPki()),
        server_(Credential::FromPem(BytesOf(pki_.ChainPemOf(pki_.server)),
                                    BytesOf(pki_.server.key_pem()))
                    .value()),
        trust_(TrustStore::FromPem(BytesOf(pki_.root.pem()), {}).value()) {
    auto monitor = MakeLinkPair().value();
    monitor_.emplace(std::move(monitor.first));
    thread_ = std::thread([this, end = std::move(monitor.second)]() mutable {
      // A ring is its thread's.
      RingCalls calls;
      Worker worker(Link(std::move(end)),
                    std::move(OpenReadiness(GetParam(), calls)->readiness),
                    ktls_, clock_);
      result_ = worker.Run();
    });
  }

  ~WorkerTest() override {
    monitor_.reset();
    thread_.join();
    EXPECT_TRUE(!result_ || result_->ok());
  }

  std::optional<Link> GiveLink(LinkTo to) {
    auto pair = MakeLinkPair().value();
    TakeLink take;
    take.to = to;
    const std::array<BorrowedFd, 1> end = {pair.second.borrow()};
    EXPECT_TRUE(monitor_->Send(take, {}, end).ok());
    return Link(std::move(pair.first));
  }

  // Sends a server's job, and keeps the other end of its socket.
  void SendJob(JobId id, uint32_t total_ms = 5000,
               JobCredentials credentials = {kCredential}) {
    auto pair = ktls::ConnectLoopback().value();
    peer_socket_ = std::move(pair.client);
    Job job;
    job.job = id;
    job.side = Side::kServer;
    job.credentials = credentials;
    job.suites = {0x1302};
    job.flags = kVerifyPeer | kRequestClientCertificate;
    job.first_byte_ms = job.progress_ms = job.total_ms = total_ms;
    const std::array<BorrowedFd, 1> socket = {pair.server.borrow()};
    EXPECT_TRUE(monitor_->Send(job, {}, socket).ok());
  }

  // One of none of the caller's types, and a failed test, when none comes.
  template <typename Set>
  static Set Await(Link& link) {
    const Result<Received<Set>> received = AwaitReceived<Set>(link);
    EXPECT_TRUE(received.ok());
    return received.ok() ? received->message : Set();
  }

  template <typename Set>
  static Result<Received<Set>> AwaitReceived(Link& link) {
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      auto received = link.Receive<Set>();
      if (!received.ok()) {
        return received.error();
      }
      if (received->has_value()) {
        return std::move(**received);
      }
      pollfd waiting = {link.socket().raw(), POLLIN, 0};
      ::poll(&waiting, 1, 100);
    }
    return Error{Code::kDeadlineTotal, "the worker is silent"};
  }

  JobReport AwaitReport() {
    return std::get<JobReport>(Await<FromWorker>(*monitor_));
  }

  void AnswerChain(Link& keeper, Outcome outcome = Outcome::Success()) {
    ReplyWithChain(
        keeper, std::get<ChainRequest>(Await<WorkerToKeeper>(keeper)), outcome);
  }

  void ReplyWithChain(Link& keeper, const ChainRequest& request,
                      Outcome outcome = Outcome::Success()) {
    ChainReply reply;
    reply.job = request.job;
    reply.credential = request.credential;
    reply.outcome = outcome;
    Bytes payload;
    if (outcome.ok()) {
      reply.certificates = static_cast<uint16_t>(server_.chain().size());
      reply.schemes[0] = static_cast<uint16_t>(server_.schemes()[0]);
      AppendChain(server_.chain(), payload);
    }
    ASSERT_TRUE(keeper.Send(reply, payload).ok());
  }

  void AnswerSignature(Link& keeper, CredentialId signer) {
    const auto request = std::get<SignRequest>(Await<WorkerToKeeper>(keeper));
    EXPECT_EQ(request.credential, signer);
    const auto signature =
        server_.Sign(static_cast<handshake::SignatureScheme>(request.scheme),
                     handshake::Role::kServer,
                     handshake::HashValue(request.transcript_hash.view()));
    SignReply reply;
    reply.job = request.job;
    reply.scheme = request.scheme;
    reply.outcome = Outcome::Success();
    ASSERT_TRUE(keeper.Send(reply, *signature).ok());
  }

  // A client without a certificate, in a thread's worth of blocking calls.
  void RunPeer(Link& keeper, CredentialId signer = kCredential) {
    handshake::LocalPeerSetup setup;
    setup.trust = &trust_;
    setup.policy = {handshake::Role::kServer,
                    {*handshake::ServerName::Parse("server.example")},
                    handshake::kTestNow};
    handshake::LocalPeer peer = handshake::LocalPeer::Client(setup);
    Flush(peer);
    AnswerSignature(keeper, signer);
    while (!peer.done() && peer.failure() == nullptr) {
      Flush(peer);
      if (peer.wants()) {
        Bytes bytes(*peer.wants());
        const ssize_t count =
            ::recv(peer_socket_.raw(), bytes.data(), bytes.size(), 0);
        ASSERT_GT(count, 0);
        peer.engine().Feed(
            ByteView(bytes).first(static_cast<std::size_t>(count)));
        peer.Settle();
      }
    }
    EXPECT_TRUE(peer.done());
  }

  void Flush(handshake::LocalPeer& peer) {
    const ByteView output = peer.engine().output();
    ASSERT_EQ(::send(peer_socket_.raw(), output.data(), output.size(), 0),
              static_cast<ssize_t>(output.size()));
    peer.engine().Written(output.size());
  }

  handshake::TestPki pki_;
  Credential server_;
  TrustStore trust_;
  SystemClock clock_;
  ktls::FakeSocketOps ktls_;
  std::optional<Link> monitor_;
  OwnedFd peer_socket_;
  std::optional<Status> result_;
  std::thread thread_;
};

TEST_P(WorkerTest, AsksForAChainOnceAndReportsEachJob) {
  auto keeper = GiveLink(LinkTo::kKeeper);
  SendJob(1);
  AnswerChain(*keeper);
  RunPeer(*keeper);
  JobReport report = AwaitReport();
  EXPECT_EQ(report.job, 1U);
  EXPECT_TRUE(report.outcome.ok());

  ktls_.Reset();
  SendJob(2);
  RunPeer(*keeper);  // the chain is known now
  report = AwaitReport();
  EXPECT_EQ(report.job, 2U);
  EXPECT_TRUE(report.outcome.ok());
}

// With one chain missing a peer would be shown less than is configured.
TEST_P(WorkerTest, WaitsForTheChainsOfBothCredentials) {
  auto keeper = GiveLink(LinkTo::kKeeper);
  SendJob(1, 5000, {kCredential, 6});
  const auto first = std::get<ChainRequest>(Await<WorkerToKeeper>(*keeper));
  const auto second = std::get<ChainRequest>(Await<WorkerToKeeper>(*keeper));
  EXPECT_EQ(first.credential, kCredential);
  EXPECT_EQ(second.credential, 6U);
  ReplyWithChain(*keeper, second);
  SendJob(2, 5000, {6});
  RunPeer(*keeper, 6);  // the first job has not begun, and asks for nothing
  EXPECT_EQ(AwaitReport().job, 2U);
}

TEST_P(WorkerTest, AsksTheKeeperOfTheCertificateThatIsShown) {
  auto keeper = GiveLink(LinkTo::kKeeper);
  SendJob(1, 5000, {kCredential, 6});
  AnswerChain(*keeper);
  AnswerChain(*keeper);
  RunPeer(*keeper, kCredential);
  EXPECT_TRUE(AwaitReport().outcome.ok());
}

TEST_P(WorkerTest, ForgetsAChainWhenTold) {
  auto keeper = GiveLink(LinkTo::kKeeper);
  SendJob(1);
  AnswerChain(*keeper);
  RunPeer(*keeper);
  AwaitReport();
  Forget forget;
  forget.id = kCredential;
  ASSERT_TRUE(monitor_->Send(forget).ok());
  SendJob(2);
  AnswerChain(*keeper);
}

TEST_P(WorkerTest, AJobWaitsForTheKeeperThatIsToCome) {
  SendJob(1);
  auto keeper = GiveLink(LinkTo::kKeeper);
  AnswerChain(*keeper);
  RunPeer(*keeper);
  EXPECT_TRUE(AwaitReport().outcome.ok());
}

TEST_P(WorkerTest, ReportsWhatTheKeeperRefused) {
  auto keeper = GiveLink(LinkTo::kKeeper);
  SendJob(1);
  AnswerChain(*keeper, Outcome::Failure(Code::kPrivateKeyUnusable));
  const JobReport report = AwaitReport();
  EXPECT_EQ(report.outcome.code(), Code::kPrivateKeyUnusable);
}

// The peer keeps its socket open: it is not waited for until the deadline.
TEST_P(WorkerTest, ReportsALostKeeper) {
  auto keeper = GiveLink(LinkTo::kKeeper);
  SendJob(1, /*total_ms=*/600'000);
  AnswerChain(*keeper);
  handshake::LocalPeer peer = handshake::LocalPeer::Client({});
  Flush(peer);
  Await<WorkerToKeeper>(*keeper);  // the request for a signature
  keeper.reset();
  EXPECT_EQ(AwaitReport().outcome.code(), Code::kKeeperUnavailable);
}

TEST_P(WorkerTest, ReportsAPeerThatNeverSpeaks) {
  auto keeper = GiveLink(LinkTo::kKeeper);
  SendJob(1);
  AnswerChain(*keeper);
  peer_socket_.Close();
  AwaitReport();
  SendJob(2, /*total_ms=*/50);
  const Code code = AwaitReport().outcome.code();
  EXPECT_TRUE(code == Code::kDeadlineTotal || code == Code::kDeadlineFirstByte);
}

// The monitor would blame the worker, which has nothing to hurry with.
TEST_P(WorkerTest, ReportsAKeeperThatGivesNoChain) {
  auto keeper = GiveLink(LinkTo::kKeeper);
  SendJob(1, /*total_ms=*/50);
  const JobReport report = AwaitReport();
  EXPECT_EQ(report.job, 1U);
  EXPECT_EQ(report.outcome.code(), Code::kKeeperUnavailable);
  AnswerChain(*keeper);  // too late for that one
  SendJob(2);
  RunPeer(*keeper);
  EXPECT_EQ(AwaitReport().job, 2U);
}

// It is the peer's fault, and no verifier may take it for the worker's.
TEST_P(WorkerTest, SendsNoProofThatTheVerifierCannotTake) {
  Worker worker(Link(OwnedFd()), OpenEpoll().value(), ktls_, clock_);
  handshake::PeerProof proof;
  proof.chain = server_.chain();
  for (const std::size_t size : {std::size_t{0}, kMaxSignatureBytes + 1}) {
    proof.signature = Bytes(size);
    const Status sent = worker.RequestVerdict(1, proof);
    ASSERT_FALSE(sent.ok());
    EXPECT_EQ(sent.error().code, Code::kBadCertificateVerify);
  }
  proof.signature = Bytes(kMaxSignatureBytes);
  EXPECT_EQ(worker.RequestVerdict(1, proof).error().code,
            Code::kVerifierUnavailable);
}

TEST_P(WorkerTest, AsksOnceForAChainThatSeveralJobsNeed) {
  auto keeper = GiveLink(LinkTo::kKeeper);
  SendJob(1, /*total_ms=*/50);
  const OwnedFd first = std::move(peer_socket_);
  SendJob(2, /*total_ms=*/50);
  AnswerChain(*keeper);
  AwaitReport();
  AwaitReport();
  EXPECT_FALSE(keeper->Receive<WorkerToKeeper>().value().has_value());
}

TEST_P(WorkerTest, AsksAgainForTheJobsAfterOneThatWasRefused) {
  auto keeper = GiveLink(LinkTo::kKeeper);
  SendJob(1);
  const OwnedFd first = std::move(peer_socket_);
  SendJob(2);
  AnswerChain(*keeper, Outcome::Failure(Code::kDeadlineTotal));
  EXPECT_EQ(AwaitReport().job, 1U);
  AnswerChain(*keeper);
  peer_socket_.Close();
  EXPECT_EQ(AwaitReport().job, 2U);
}

TEST_P(WorkerTest, SaysNothingOfAJobThatWasEnded) {
  auto keeper = GiveLink(LinkTo::kKeeper);
  SendJob(1);
  AnswerChain(*keeper);
  EndJob end;
  end.job = 1;
  ASSERT_TRUE(monitor_->Send(end).ok());
  Bytes byte(1);
  EXPECT_EQ(::recv(peer_socket_.raw(), byte.data(), 1, 0), 0);  // closed
  SendJob(2, /*total_ms=*/50);
  EXPECT_EQ(AwaitReport().job, 2U);
}

// --- PSKs: this test is the monitor ---

const Bytes kPsk = {'N', 'V', 'M', 'e', '1', 'R', '0', '2', ' ', 'a'};

class PskWorkerTest : public WorkerTest {
 protected:
  PskWorkerTest() {
    EXPECT_TRUE(psks_.Add(kPsk, Bytes(48, 1)).ok());
    setup_.psks = &psks_;
    setup_.server.psk = handshake::PskPolicy::kRequire;
  }

  void SendPskJob(JobId id, Side side) {
    auto pair = ktls::ConnectLoopback().value();
    peer_socket_ = std::move(pair.client);
    Job job;
    job.job = id;
    job.side = side;
    job.suites = {0x1302};
    job.flags = kUsePsk;
    job.first_byte_ms = job.progress_ms = job.total_ms = 5000;
    Bytes identities;
    if (side == Side::kClient) {
      job.psk_hashes[0] = WirePskHash::kSha384;
      AppendIdentity(kPsk, identities);
    }
    const std::array<BorrowedFd, 1> socket = {pair.server.borrow()};
    EXPECT_TRUE(monitor_->Send(job, identities, socket).ok());
  }

  void AnswerChoice() {
    const auto received = AwaitReceived<FromWorker>(*monitor_);
    const auto asked = std::get<ChoiceRequest>(received->message);
    EXPECT_EQ(asked.job, 1U);
    EXPECT_EQ(asked.sha256, 0);  // no suite of it is allowed
    EXPECT_EQ(asked.sha384, 1);
    EXPECT_EQ(ParseIdentities(received->payload, asked.identities).value(),
              std::vector<Bytes>{kPsk});
    ChoiceReply reply;
    reply.job = 1;
    reply.outcome = Outcome::Success();
    reply.chosen = 1;
    reply.hash = WirePskHash::kSha384;
    ASSERT_TRUE(monitor_->Send(reply).ok());
  }

  void AnswerBinder() {
    const auto asked = std::get<BinderRequest>(Await<FromWorker>(*monitor_));
    const auto binder =
        psks_.Binder({kPsk, FromWire(asked.hash),
                      handshake::HashValue(asked.transcript_hash.view())});
    BinderReply reply;
    reply.job = asked.job;
    reply.outcome = Outcome::Success();
    ASSERT_TRUE(monitor_->Send(reply, binder->Reveal(KeyAccess())).ok());
  }

  void AnswerProof(Outcome outcome = Outcome::Success()) {
    const auto asked = std::get<PskProofRequest>(Await<FromWorker>(*monitor_));
    const ByteView binder = asked.binder.view();
    EXPECT_TRUE(
        psks_
            .Judge({{kPsk, FromWire(asked.hash),
                     handshake::HashValue(asked.transcript_hash.view())},
                    Bytes(binder.begin(), binder.end())})
            .ok());
    PskProofReply reply;
    reply.job = asked.job;
    reply.outcome = outcome;
    ASSERT_TRUE(monitor_->Send(reply).ok());
  }

  void AnswerSecret(Outcome outcome = Outcome::Success()) {
    const auto received = AwaitReceived<FromWorker>(*monitor_);
    const auto asked = std::get<SecretRequest>(received->message);
    SecretReply reply;
    reply.job = asked.job;
    reply.outcome = outcome;
    if (!outcome.ok()) {
      ASSERT_TRUE(monitor_->Send(reply).ok());
      return;
    }
    const auto secret = psks_.HandshakeSecret(
        {kPsk, FromWire(asked.hash),
         handshake::SharedSecret(KeyAccess(), received->payload)});
    ASSERT_TRUE(monitor_->Send(reply, secret->Reveal(KeyAccess())).ok());
  }

  void ReadOnce(handshake::LocalPeer& peer) {
    ASSERT_TRUE(peer.wants().has_value());
    Bytes bytes(*peer.wants());
    const ssize_t count =
        ::recv(peer_socket_.raw(), bytes.data(), bytes.size(), 0);
    ASSERT_GT(count, 0);
    peer.engine().Feed(ByteView(bytes).first(static_cast<std::size_t>(count)));
    peer.Settle();
  }

  handshake::LocalPsks psks_;
  handshake::LocalPeerSetup setup_;
};

TEST_P(PskWorkerTest, MakesAServersHandshake) {
  SendPskJob(1, Side::kServer);
  handshake::LocalPeer peer = handshake::LocalPeer::Client(setup_);
  Flush(peer);
  AnswerChoice();
  AnswerProof();
  AnswerSecret();
  while (!peer.done()) {
    ASSERT_EQ(peer.failure(), nullptr);
    if (peer.wants()) {
      ReadOnce(peer);
    }
    Flush(peer);
  }
  const JobReport report = AwaitReport();
  EXPECT_TRUE(report.outcome.ok());
  EXPECT_EQ(report.suite, 0x1302);
}

TEST_P(PskWorkerTest, RefusesTheBinderThatTheMonitorRefuses) {
  for (const Code code : {Code::kBadPskBinder, Code::kKeyRejected}) {
    SendPskJob(1, Side::kServer);
    handshake::LocalPeer peer = handshake::LocalPeer::Client(setup_);
    Flush(peer);
    AnswerChoice();
    AnswerProof(Outcome::Failure(code));
    peer_socket_ = OwnedFd();
    EXPECT_EQ(AwaitReport().outcome.code(), code);
  }
}

TEST_P(PskWorkerTest, MakesAClientsHandshake) {
  SendPskJob(1, Side::kClient);
  AnswerBinder();
  handshake::LocalPeer peer = handshake::LocalPeer::Server(setup_);
  while (peer.engine().output().empty()) {
    ReadOnce(peer);
  }
  Flush(peer);
  AnswerSecret();
  while (!peer.done()) {
    ReadOnce(peer);
  }
  EXPECT_TRUE(AwaitReport().outcome.ok());
}

TEST_P(PskWorkerTest, ReportsWhatTheMonitorRefused) {
  SendPskJob(1, Side::kClient);
  AnswerBinder();
  handshake::LocalPeer peer = handshake::LocalPeer::Server(setup_);
  while (peer.engine().output().empty()) {
    ReadOnce(peer);
  }
  Flush(peer);
  AnswerSecret(Outcome::Failure(Code::kKeyRejected));
  EXPECT_EQ(AwaitReport().outcome.code(), Code::kKeyRejected);
}

// Of a flood of identities the first ones are asked about.
TEST(PskRequests, SendOnWhatAMessageTakes) {
  auto pair = MakeLinkPair().value();
  Link worker(std::move(pair.first));
  Link monitor(std::move(pair.second));
  const auto asked_of = [&](std::size_t count, std::size_t size) {
    handshake::OfferedPsks offered;
    offered.identities.resize(count, {Bytes(size, 'a'), 0});
    const std::vector<HashAlgorithm> hashes = {HashAlgorithm::kSha256};
    EXPECT_TRUE(SendChoiceRequest(worker, 1, offered, hashes).ok());
    const auto received = monitor.Receive<FromWorker>();
    EXPECT_TRUE(received.ok() && received->has_value());
    const auto asked = std::get<ChoiceRequest>((*received)->message);
    EXPECT_TRUE(ParseIdentities((*received)->payload, asked.identities).ok());
    return asked.identities;
  };
  EXPECT_EQ(asked_of(1, 10), 1);
  EXPECT_EQ(asked_of(500, 10), kMaxOfferedPsks);
  EXPECT_EQ(asked_of(32, kMaxIdentityBytes),
            kMaxIdentitiesBytes / (kMaxIdentityBytes + 2));
  EXPECT_EQ(asked_of(3, 65'535), 3);  // as empty ones
}

std::vector<LoopKind> Loops() {
  RingCalls calls;
  const auto opened = OpenReadiness(LoopKind::kIoUring, calls);
  if (opened.ok() && opened->readiness->kind() == LoopKind::kIoUring) {
    return {LoopKind::kEpoll, LoopKind::kIoUring};
  }
  return {LoopKind::kEpoll};
}

std::string NameOf(const testing::TestParamInfo<LoopKind>& info) {
  return std::string(LoopName(info.param));
}

INSTANTIATE_TEST_SUITE_P(Each, WorkerTest, testing::ValuesIn(Loops()), NameOf);
INSTANTIATE_TEST_SUITE_P(Each, PskWorkerTest, testing::ValuesIn(Loops()),
                         NameOf);

}  // namespace
}  // namespace ktlsd::agent
