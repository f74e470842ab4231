// A request on its way to success, and each thing that must keep it from there.
#include "agent/monitor/job_desk.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "agent/monitor/testing/world.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

class JobDeskTest : public World {
 protected:
  Config WithoutServersCertificate() {
    Config config = GoodConfig();
    config.server.certificate.reset();
    config.server.private_key.reset();
    return config;
  }
};

TEST_F(JobDeskTest, ServesNfsd) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  EXPECT_EQ(descriptors_, 1U);
  EXPECT_EQ(job.side, Side::kServer);
  EXPECT_EQ(job.flags, kCertificateJobFlags | kRecordSizeLimit);
  EXPECT_NE(job.credentials[0], 0U);
  EXPECT_EQ(job.total_ms, 3500U);
  EXPECT_TRUE(job.server_name.empty());

  const auto signing = Next<SigningTerms, ToKeeper>(*keeper_);
  ASSERT_TRUE(signing.has_value());
  EXPECT_EQ(signing->job, job.job);
  EXPECT_EQ(signing->worker, kServerWorker);
  EXPECT_EQ(signing->credentials, job.credentials);
  EXPECT_EQ(signing->signer, Side::kServer);
  const auto verdict = Next<VerdictTerms, ToVerifier>(*verifier_);
  ASSERT_TRUE(verdict.has_value());
  EXPECT_EQ(verdict->peer, Side::kClient);

  SendSigned(job.job);
  SendVerdict(job.job);
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({0});
  EXPECT_EQ(kernel_.answers()[0].remote_auth, -1);
  EXPECT_EQ(log_.Count("event=handshake_done outcome=ok side=server",
                       "consumer=nfsd", "peer=127.0.0.1:", "subject=\"CN=peer",
                       "suite=TLS_AES_256_GCM_SHA384", "status=0", "job=1",
                       "settings=authenticate.server"),
            1)
      << log_.All();
}

TEST_F(JobDeskTest, OffersBothCertificates) {
  StartServices();
  Config config = GoodConfig();
  config.server.pq_certificate = File("pq_certificate");
  config.server.pq_private_key = File("pq_key");
  resources_.Reload(config);
  LoadAll();
  StartWorkers();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  const SideSettings& server = resources_.side(Side::kServer);
  EXPECT_EQ(job.credentials,
            (JobCredentials{std::get<Loaded>(server.pq_credential).id,
                            std::get<Loaded>(server.credential).id}));
  const auto signing = Next<SigningTerms, ToKeeper>(*keeper_);
  ASSERT_TRUE(signing.has_value());
  EXPECT_EQ(signing->credentials, job.credentials);
}

// One section's trouble is its own, and is never healed by wider settings.
TEST_F(JobDeskTest, RefusesThePeersOfABrokenSectionOnly) {
  StartServices();
  StartWorkers();
  Config config = GoodConfig();
  Section section{"peer.nas",
                  Consumer::kNfsClient,
                  {*PeerPattern::Parse("server")},
                  config.client};
  section.config.truststore = "/no/such/file";
  config.sections = {section};
  resources_.Reload(config);
  LoadAll();
  Ask(NfsTls());
  ExpectAnswers({EACCES});
  EXPECT_EQ(log_.Count("outcome=failed code=trust_store_unusable",
                       "name=server settings=peer.nas"),
            1)
      << log_.All();
  Request other = NfsTls();
  other.peer_name = "other";
  Ask(std::move(other));
  EXPECT_NE(TakeJob(kClientWorker).job, 0U);
}

// By an alert, once it has said hello; without one it would try again.
TEST_F(JobDeskTest, LetsAWorkerTellTheClientOfAServerThatCannotServe) {
  StartServices();
  StartWorkers();
  resources_.Reload(WithoutServersCertificate());
  LoadAll();

  Ask(Nfsd());
  Job job = TakeJob(kServerWorker);
  EXPECT_EQ(job.credentials, JobCredentials());
  EXPECT_EQ(job.flags & kVerifyPeer, 0);
  // Whatever comes of it: that is not the reason.
  EXPECT_TRUE(SendReport(kServerWorker,
                         Report(job.job, Outcome::Failure(Code::kPeerClosed)))
                  .ok());
  ExpectAnswers({EACCES});
  EXPECT_EQ(log_.Count("code=no_certificate_configured",
                       "reason=\"no certificate is configured\""),
            1)
      << log_.All();

  Ask(Nfsd());
  job = TakeJob(kServerWorker);
  EXPECT_FALSE(SendReport(kServerWorker, Report(job.job)).ok());
  EXPECT_EQ(log_.Count("code=worker_misbehaved"), 1) << log_.All();
}

TEST_F(JobDeskTest, LetsAClientTryAgainWhereAFileIsNotThere) {
  StartServices();
  StartWorkers();
  Config config = GoodConfig();
  config.server.truststore = "/no/such/file";
  resources_.Reload(config);
  LoadAll();
  Ask(Nfsd());
  ExpectAnswers({EACCES});
}

TEST_F(JobDeskTest, WaitsForNoWorkerToRefuseAClient) {
  StartServices();
  resources_.Reload(WithoutServersCertificate());
  LoadAll();
  Ask(Nfsd());
  ExpectAnswers({EACCES});
}

TEST_F(JobDeskTest, TellsNfsdNothingAboutAClientWithoutCertificate) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({0});
  EXPECT_FALSE(kernel_.answers()[0].remote_auth.has_value());
}

// Another thread takes requests while a turn of the loop goes on.
TEST_F(JobDeskTest, CountsNoTimeBeforeARequestWasThere) {
  Start();
  Request request = Nfsd();
  request.taken_at = clock_.Now() + milliseconds(3);
  Ask(std::move(request));
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  EXPECT_EQ(log_.Count(" queue_us=0 ", " total_us=0 "), 1) << log_.All();
}

TEST_F(JobDeskTest, TellsTheKernelTheTagsOfAVerifiedPeer) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  Verdict verdict;
  verdict.job = job.job;
  verdict.transcript_hash.size = 32;
  verdict.outcome = Outcome::Success();
  verdict.tags = Text<kTagListSize>::Of("ours,storage");
  ASSERT_TRUE(verifier_->Send(verdict).ok());
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({0});
  EXPECT_EQ(kernel_.answers()[0].tags, "ours,storage");
}

// --- the server's certificate as a key ---

class PeerKeyTest : public World {
 protected:
  void StartWithPeerKeys() {
    StartServices();
    Config config = GoodConfig();
    config.client.peer_key = std::chrono::seconds(60);
    resources_.Reload(config);
    LoadAll();
    StartWorkers();
  }
  VerdictTerms TakeTerms() {
    return Next<VerdictTerms, ToVerifier>(*verifier_).value_or(VerdictTerms());
  }
  // A job that succeeds, whose peer showed `certificate`.
  void Serve(Request request, const Bytes& certificate) {
    Ask(std::move(request));
    const Job job = TakeJob(kClientWorker);
    if (job.credentials[0] != 0) {
      SendSigned(job.job);
    }
    SendChain(job.job, {certificate});
    SendVerdict(job.job);
    EXPECT_TRUE(SendReport(kClientWorker, Report(job.job)).ok());
  }
};

TEST_F(PeerKeyTest, IsToldToTheKernelByItsSerial) {
  StartWithPeerKeys();
  Serve(NfsMtls(), {0x30, 0x01});
  EXPECT_EQ(TakeTerms().wanted, ChainWanted::kEndEntity);
  ASSERT_EQ(keyrings_.peer_keys.size(), 1U);
  EXPECT_EQ(keyrings_.peer_keys[0].first, (Bytes{0x30, 0x01}));
  EXPECT_EQ(keyrings_.peer_keys[0].second, std::chrono::seconds(60));
  ExpectAnswers({0});
  EXPECT_EQ(kernel_.answers()[0].remote_auth, 1001);
  EXPECT_EQ(log_.Count("outcome=ok", "peer_key=1001"), 1) << log_.All();
}

TEST_F(PeerKeyTest, IsOfTheEndEntityWhereAllOfTheChainIsWanted) {
  live_.Enable(true);
  StartWithPeerKeys();
  Ask(NfsMtls());
  const Job job = TakeJob(kClientWorker);
  EXPECT_EQ(TakeTerms().wanted, ChainWanted::kAll);
  SendSigned(job.job);
  SendChain(job.job, {{0x30, 0x02}, {0x30, 0x03}});
  SendVerdict(job.job);
  EXPECT_TRUE(SendReport(kClientWorker, Report(job.job)).ok());
  ASSERT_EQ(keyrings_.peer_keys.size(), 1U);
  EXPECT_EQ(keyrings_.peer_keys[0].first, (Bytes{0x30, 0x02}));
}

// 0 would say that nobody was verified.
TEST_F(PeerKeyTest, IsNoReasonToDoubtThePeerWhenItCannotBeMade) {
  StartWithPeerKeys();
  keyrings_.peer_key_error = Error{Code::kKeyUnavailable, "no key", ENODEV};
  Serve(NfsMtls(), {0x30, 0x01});
  ExpectAnswers({0});
  EXPECT_EQ(kernel_.answers()[0].remote_auth, -1);
  EXPECT_EQ(log_.Count("outcome=ok", "peer_key_problem=\"no key: No such dev"),
            1)
      << log_.All();
}

TEST_F(PeerKeyTest, IsMadeOnlyWhereItIsConfigured) {
  Start();
  Serve(NfsMtls(), {0x30, 0x01});
  EXPECT_EQ(TakeTerms().wanted, ChainWanted::kNothing);
  EXPECT_TRUE(keyrings_.peer_keys.empty());
  EXPECT_EQ(kernel_.answers()[0].remote_auth, -1);
}

TEST_F(PeerKeyTest, IsNotMadeForAClientThatStaysAnonymous) {
  StartWithPeerKeys();
  Serve(NfsTls(), {0x30, 0x01});
  EXPECT_EQ(TakeTerms().wanted, ChainWanted::kNothing);
  EXPECT_TRUE(keyrings_.peer_keys.empty());
  EXPECT_FALSE(kernel_.answers()[0].remote_auth.has_value());
}

TEST_F(PeerKeyTest, IsNotMadeOfAPeerWhoseHandshakeFailed) {
  StartWithPeerKeys();
  Ask(NfsMtls());
  const Job job = TakeJob(kClientWorker);
  SendChain(job.job, {{0x30}});
  SendVerdict(job.job);
  EXPECT_TRUE(SendReport(kClientWorker,
                         Report(job.job, Outcome::Failure(Code::kPeerReset)))
                  .ok());
  EXPECT_TRUE(keyrings_.peer_keys.empty());
}

TEST_F(JobDeskTest, ServesAnAnonymousNfsClient) {
  Start();
  Ask(NfsTls());
  const Job job = TakeJob(kClientWorker);
  EXPECT_EQ(job.credentials[0], 0U);
  EXPECT_EQ(job.server_name.view(), "server");
  EXPECT_EQ(job.total_ms, 8500U);
  const auto verdict = Next<VerdictTerms, ToVerifier>(*verifier_);
  ASSERT_TRUE(verdict.has_value());
  EXPECT_EQ(verdict->peer, Side::kServer);
  EXPECT_EQ(verdict->server_name.view(), "server");
  EXPECT_FALSE((Next<SigningTerms, ToKeeper>(*keeper_).has_value()));
  SendVerdict(job.job);
  EXPECT_TRUE(SendReport(kClientWorker, Report(job.job)).ok());
  ExpectAnswers({0});
  EXPECT_FALSE(kernel_.answers()[0].remote_auth.has_value());
}

TEST_F(JobDeskTest, ServesAMutualNfsClient) {
  Start();
  Ask(NfsMtls());
  const Job job = TakeJob(kClientWorker);
  SendSigned(job.job);
  SendVerdict(job.job);
  EXPECT_TRUE(SendReport(kClientWorker, Report(job.job)).ok());
  ExpectAnswers({0});
  EXPECT_EQ(kernel_.answers()[0].remote_auth, -1);
}

TEST_F(JobDeskTest, HandsTheKeysOfARequestToTheKeeper) {
  Start();
  Request request = NfsMtls();
  request.certificate = CertificateSerials{5, 6};
  Ask(std::move(request));
  const auto load = Next<LoadCredential, ToKeeper>(*keeper_);
  ASSERT_TRUE(load.has_value());
  EXPECT_EQ(load->certificate_size, 2U);
  EXPECT_TRUE(SameBytes(payload_, Bytes{'C', 'C', 'K'}));
  const Job job = TakeJob(kClientWorker);
  EXPECT_EQ(job.credentials[0], load->id);
  SendSigned(job.job);
  SendVerdict(job.job);
  EXPECT_TRUE(SendReport(kClientWorker, Report(job.job)).ok());
  ExpectAnswers({0});
  // Nobody else will use them.
  const auto forget = Next<Forget, ToKeeper>(*keeper_);
  ASSERT_TRUE(forget.has_value());
  EXPECT_EQ(forget->id, load->id);
  switchboard_.OnTime();
  EXPECT_TRUE((Next<Forget, ToWorker>(*workers_[kClientWorker]).has_value()));
}

TEST_F(JobDeskTest, RefusesKeysThatCannotBeRead) {
  Start();
  Request request = NfsMtls();
  request.certificate = CertificateSerials{7, 8};
  Ask(std::move(request));
  ExpectAnswers({EACCES});
  EXPECT_EQ(log_.Count("code=key_unavailable"), 1);
}

// --- What success must not come without ---

TEST_F(JobDeskTest, BelievesNoServerThatDidNotSign) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendVerdict(job.job);
  const Status judged = SendReport(kServerWorker, Report(job.job));
  ASSERT_FALSE(judged.ok());
  EXPECT_EQ(judged.error().code, Code::kWorkerMisbehaved);
  ExpectAnswers({EIO});
}

TEST_F(JobDeskTest, BelievesNoMutualClientThatDidNotSign) {
  Start();
  Ask(NfsMtls());
  const Job job = TakeJob(kClientWorker);
  SendVerdict(job.job);
  const Status judged = SendReport(kClientWorker, Report(job.job));
  ASSERT_FALSE(judged.ok());
  EXPECT_EQ(judged.error().code, Code::kWorkerMisbehaved);
  Advance(milliseconds(1000));
  ExpectAnswers({ETIMEDOUT});
}

TEST_F(JobDeskTest, BelievesNoClientWithoutAVerdict) {
  Start();
  Ask(NfsTls());
  const Job job = TakeJob(kClientWorker);
  EXPECT_FALSE(SendReport(kClientWorker, Report(job.job)).ok());
  Advance(milliseconds(1000));
  ExpectAnswers({ETIMEDOUT});
  EXPECT_EQ(log_.Count("code=worker_misbehaved"), 1);
}

TEST_F(JobDeskTest, BelievesNoSuiteThatTheJobDidNotAllow) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  EXPECT_EQ(job.suites,
            (std::array<uint16_t, kMaxSuites>{0x1302, 0x1301, 0, 0}));
  SendSigned(job.job);
  JobReport report = Report(job.job);
  report.suite = static_cast<uint16_t>(CipherSuite::kAes128CcmSha256);
  const Status judged = SendReport(kServerWorker, report);
  ASSERT_FALSE(judged.ok());
  EXPECT_EQ(judged.error().code, Code::kWorkerMisbehaved);
  ExpectAnswers({EIO});
}

TEST_F(JobDeskTest, BelievesNobodyWhosePeerWasRefused) {
  for (const bool client : {true, false}) {
    SCOPED_TRACE(client);
    if (workers_.empty()) {
      Start();
    }
    Ask(client ? NfsTls() : Nfsd());
    const WorkerId worker = client ? kClientWorker : kServerWorker;
    const Job job = TakeJob(worker);
    SendSigned(job.job);
    SendVerdict(job.job, Outcome::Failure(Code::kCertificateExpired));
    SendVerdict(job.job);  // a second one does not count
    EXPECT_FALSE(SendReport(worker, Report(job.job)).ok());
  }
  Advance(milliseconds(1000));
  ExpectAnswers({EIO, ETIMEDOUT});
}

TEST_F(JobDeskTest, BelievesNoSuccessWithoutKeysInTheKernel) {
  Start();
  for (const uint8_t cipher : {uint8_t{0}, uint8_t{51}, uint8_t{54}}) {
    ShowKeys(cipher);
    Ask(Nfsd());
    const Job job = TakeJob(kServerWorker);
    SendSigned(job.job);
    EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  }
  ExpectAnswers({EACCES, EACCES, EACCES});
  EXPECT_EQ(log_.Count("code=offload_not_confirmed", "reason="), 3);
}

// A worker reports the limit that was negotiated; the kernel says what it is.
TEST_F(JobDeskTest, ReadsTheLimitOfRecordsBack) {
  constexpr int kMaxPayload = 5;  // TLS_TX_MAX_PAYLOAD_LEN
  Start();
  for (const uint8_t found : {uint8_t{200}, uint8_t{201}}) {
    socket_ops_.ReadBackAs(282, kMaxPayload, {found, 0});
    Ask(Nfsd());
    const Job job = TakeJob(kServerWorker);
    EXPECT_NE(job.flags & kRecordSizeLimit, 0);
    SendSigned(job.job);
    JobReport report = Report(job.job);
    report.payload_limit = 200;
    EXPECT_TRUE(SendReport(kServerWorker, report).ok());
  }
  ExpectAnswers({0, EACCES});
  EXPECT_EQ(log_.Count("code=offload_not_confirmed", "the peer's limit"), 1)
      << log_.All();
}

TEST_F(JobDeskTest, NegotiatesNoLimitThatTheKernelDoesNotKeep) {
  Start();
  JobDesk desk(Around(kernel_, {CipherSuite::kAes256GcmSha384}), 1);
  Switchboard board(desk, resources_, roster_);
  kernel_.Queue(Nfsd());
  desk.TakeRequests(JobDesk::Age::kFresh);
  const Job job = TakeJob(kServerWorker);
  EXPECT_EQ(job.flags & kRecordSizeLimit, 0);
  SendSigned(job.job);
  JobReport report = Report(job.job);
  report.payload_limit = 200;
  EXPECT_TRUE(workers_[kServerWorker]->Send(report).ok());
  EXPECT_EQ(board.ReadWorker(kServerWorker).error().code,
            Code::kWorkerMisbehaved);
}

TEST_F(JobDeskTest, TakesABrokenConnectionForThePeers) {
  Start();
  socket_ops_.SetPendingEvents(POLLERR);
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({ETIMEDOUT});
  EXPECT_EQ(log_.Count("code=peer_reset"), 1);
}

// --- Failures that are reported ---

TEST_F(JobDeskTest, ShutsASocketThatMayBeHalfInstalled) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  // Whatever the worker says of it: the kernel's TLS is on the socket.
  EXPECT_TRUE(SendReport(kServerWorker,
                         Report(job.job, Outcome::Failure(Code::kNoMemory)))
                  .ok());
  ExpectAnswers({EIO});
  EXPECT_EQ(std::ranges::count(socket_ops_.calls(), "shutdown"), 1);
}

TEST_F(JobDeskTest, LeavesASocketAloneOnWhichAnAlertIsUnderWay) {
  socket_ops_.ReadBackAs(IPPROTO_TCP, 31, {});  // no TCP_ULP
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  EXPECT_TRUE(SendReport(kServerWorker,
                         Report(job.job, Outcome::Failure(Code::kNotTls)))
                  .ok());
  ExpectAnswers({EACCES});
  EXPECT_EQ(std::ranges::count(socket_ops_.calls(), "shutdown"), 0);
}

TEST_F(JobDeskTest, SaysWhyTheVerifierRefused) {
  Start();
  Ask(NfsTls());
  const Job job = TakeJob(kClientWorker);
  SendVerdict(job.job, Outcome::Failure(Code::kCertificateExpired));
  // The worker's own word counts less.
  EXPECT_TRUE(SendReport(kClientWorker,
                         Report(job.job, Outcome::Failure(Code::kPeerClosed)))
                  .ok());
  ExpectAnswers({EACCES});
  EXPECT_EQ(log_.Count("outcome=refused code=certificate_expired fault=peer",
                       "reason=detail", "subject=\"CN=peer"),
            1)
      << log_.All();
}

TEST_F(JobDeskTest, LetsNoWorkerEndReconnecting) {
  Start();
  for (const Code code : {Code::kKeyUnavailable, Code::kKeyRejected}) {
    Ask(Nfsd());
    const Job job = TakeJob(kServerWorker);
    EXPECT_TRUE(
        SendReport(kServerWorker, Report(job.job, Outcome::Failure(code)))
            .ok());
  }
  ExpectAnswers({EIO, EIO});
}

TEST_F(JobDeskTest, KeepsAnNfsClientFromTryingAgainAtOnce) {
  Start();
  Ask(NfsTls());
  const Job job = TakeJob(kClientWorker);
  EXPECT_TRUE(SendReport(kClientWorker,
                         Report(job.job, Outcome::Failure(Code::kPeerClosed)))
                  .ok());
  ExpectAnswers({});
  EXPECT_EQ(desk_.NextWake(), clock_.Now() + milliseconds(1000));
  Advance(milliseconds(999));
  ExpectAnswers({});
  Advance(milliseconds(1));
  ExpectAnswers({ETIMEDOUT});
  EXPECT_FALSE(desk_.NextWake().has_value());
}

// --- The end ---

TEST_F(JobDeskTest, FinishesWhatItHasAndTakesNoMore) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  kernel_.Queue(Nfsd());
  desk_.TakeNoMore();
  desk_.TakeRequests(JobDesk::Age::kOld);
  EXPECT_EQ(kernel_.accepted(), 1U);
  EXPECT_FALSE(desk_.idle());
  SendSigned(job.job);
  SendVerdict(job.job);
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({0});
  EXPECT_TRUE(desk_.idle());
  EXPECT_EQ(kernel_.accepted(), 1U);
}

TEST_F(JobDeskTest, FinishesWhatWaitsForAWorker) {
  StartServices();
  resources_.Reload(GoodConfig());
  LoadAll();
  Ask(Nfsd());
  desk_.TakeNoMore();
  EXPECT_FALSE(desk_.idle());
  StartWorkers();
  desk_.Dispatch();
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  SendVerdict(job.job);
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({0});
  EXPECT_TRUE(desk_.idle());
}

TEST_F(JobDeskTest, IsIdleWhileAnswersWaitForTheirTime) {
  Start();
  Ask(NfsTls());
  const Job job = TakeJob(kClientWorker);
  EXPECT_TRUE(SendReport(kClientWorker,
                         Report(job.job, Outcome::Failure(Code::kPeerClosed)))
                  .ok());
  ExpectAnswers({});
  EXPECT_TRUE(desk_.idle());
  desk_.Close();
  ExpectAnswers({ETIMEDOUT});
}

// --- Hostile workers ---

TEST_F(JobDeskTest, TakesNoReportOfAnUnknownJob) {
  Start();
  EXPECT_FALSE(SendReport(kServerWorker, Report(99)).ok());
  ExpectAnswers({});
}

TEST_F(JobDeskTest, TakesNoReportOfAnothersJob) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  EXPECT_FALSE(SendReport(kClientWorker, Report(job.job)).ok());
  ExpectAnswers({});  // its own worker still may
  SendSigned(job.job);
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({0});
}

TEST_F(JobDeskTest, TakesNoSecondReport) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  EXPECT_FALSE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({0});
}

TEST_F(JobDeskTest, TakesNothingButReports) {
  Start();
  SignRequest request;
  request.job = request.credential = 1;
  request.transcript_hash.size = 32;
  ASSERT_TRUE(workers_[kServerWorker]->Send(request).ok());
  const Status read = switchboard_.ReadWorker(kServerWorker);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::kApiMisuse);
}

TEST_F(JobDeskTest, DismissesAWorkerThatTheKeeperAccuses) {
  Start();
  Misbehaved notice;
  notice.worker = kServerWorker;
  notice.what = Text<kDetailSize>::Of("signed twice");
  ASSERT_TRUE(keeper_->Send(notice).ok());
  EXPECT_TRUE(switchboard_.ReadKeeper().ok());
  const auto dismissed = switchboard_.TakeDismissed();
  ASSERT_EQ(dismissed.size(), 1U);
  EXPECT_EQ(dismissed[0].worker, kServerWorker);
  EXPECT_EQ(dismissed[0].reason, "signed twice");
}

}  // namespace
}  // namespace ktlsd::agent
