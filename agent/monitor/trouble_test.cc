// Processes that die, time that passes, kernels that refuse: each request is
// still answered once.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "agent/monitor/testing/world.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

using TroubleTest = World;

TEST_F(TroubleTest, AnswersForAWorkerThatDied) {
  Start();
  Ask(Nfsd());
  Ask(NfsTls());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  switchboard_.LoseWorker(kServerWorker, Code::kWorkerDied, "signal 9");
  ExpectAnswers({EIO});
  EXPECT_EQ(log_.Count("code=worker_died", "reason=\"signal 9\""), 1);
  // The socket cannot be used any more, whatever was installed.
  EXPECT_NE(std::find(socket_ops_.calls().begin(), socket_ops_.calls().end(),
                      "shutdown"),
            socket_ops_.calls().end())
      << socket_ops_.calls().back();
  // The other one's jobs go on.
  const Job other = TakeJob(kClientWorker);
  SendVerdict(other.job);
  EXPECT_TRUE(SendReport(kClientWorker, Report(other.job)).ok());
  ExpectAnswers({EIO, 0});
}

// Fault 18.
TEST_F(TroubleTest, AnswersOnceInWhateverStateAWorkerDies) {
  enum class State { kHandedOut, kRead, kSigned, kVerified };
  using enum State;
  Start();
  for (const State state : {kHandedOut, kRead, kSigned, kVerified}) {
    Ask(Nfsd());
    Ask(NfsTls());
    Job job;
    if (state >= kRead) {
      job = TakeJob(kServerWorker);
    }
    if (state >= kSigned) {
      SendSigned(job.job);
    }
    if (state >= kVerified) {
      SendVerdict(job.job);
      EXPECT_TRUE(switchboard_.ReadVerifier().ok());
    }
    const auto shut = std::ranges::count(socket_ops_.calls(), "shutdown");
    switchboard_.LoseWorker(kServerWorker, Code::kWorkerDied, "signal 9");
    EXPECT_EQ(std::ranges::count(socket_ops_.calls(), "shutdown"), shut + 1);
    EXPECT_EQ(kernel_.answers().back().status, static_cast<uint32_t>(EIO));
    // What the others still say of that job means nothing now.
    EXPECT_TRUE(switchboard_.ReadKeeper().ok());
    const Job other = TakeJob(kClientWorker);
    SendVerdict(other.job);
    EXPECT_TRUE(SendReport(kClientWorker, Report(other.job)).ok());
    switchboard_.AddWorker(kServerWorker, Pool::kServer,
                           PlayedBy(workers_[kServerWorker], ends_));
  }
  ExpectAnswers({EIO, 0, EIO, 0, EIO, 0, EIO, 0});
  EXPECT_EQ(kernel_.done_calls(), 8U);
}

// Faults 17 and 22: no worker hears of it.
TEST_F(TroubleTest, RefusesARequestThatIsUnclearOrHasNoName) {
  Start();
  Request unclear = Nfsd();
  unclear.well_formed = false;
  Ask(std::move(unclear));
  Ask(Make(HandshakeKind::kClientHello, AuthMode::kX509));
  Ask(Make(HandshakeKind{7}, AuthMode::kX509));
  Ask(Make(HandshakeKind::kServerHello, AuthMode{7}));
  EXPECT_EQ(kernel_.answers().size(), 4U);
  for (const auto& answer : kernel_.answers()) {
    EXPECT_NE(answer.status, 0U);
  }
  EXPECT_EQ(log_.Count("code=request_malformed"), 1);
  EXPECT_EQ(log_.Count("code=no_peer_name"), 1);
  EXPECT_EQ(log_.Count("code=unsupported_auth_mode"), 2);
  for (const WorkerId worker : {kServerWorker, kClientWorker, kPskWorker}) {
    EXPECT_FALSE((Next<Job, ToWorker>(*workers_[worker]).has_value()));
  }
}

// Fault 22.
TEST_F(TroubleTest, DoesNothingWhenReadyWasForNothing) {
  Start();
  for (int i = 0; i < 100; ++i) {
    desk_.TakeRequests(JobDesk::Age::kFresh);
  }
  EXPECT_EQ(kernel_.accept_calls(), 100U);
  ExpectAnswers({});
  EXPECT_FALSE(desk_.NextWake().has_value());
}

TEST_F(TroubleTest, CountsWhatAWorkerSaidBeforeItDied) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  ASSERT_TRUE(workers_[kServerWorker]->Send(Report(job.job)).ok());
  EXPECT_TRUE(switchboard_.ReadWorker(kServerWorker).ok());
  switchboard_.LoseWorker(kServerWorker, Code::kWorkerDied, "signal 9");
  ExpectAnswers({0});
}

TEST_F(TroubleTest, CountsWhatAWorkerSaidThatDiedWithSomethingUnread) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  Ask(Nfsd());  // not read
  SendSigned(job.job);
  ASSERT_TRUE(workers_[kServerWorker]->Send(Report(job.job)).ok());
  *workers_[kServerWorker] = Link(OwnedFd());
  const Status read = switchboard_.ReadWorker(kServerWorker);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::kPeerClosed);
  ExpectAnswers({0});
}

// A worker that it signed for has told the truth.
TEST_F(TroubleTest, CountsWhatAKeeperSignedThatDiedWithSomethingUnread) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  *keeper_ = Link(OwnedFd());  // has not read the terms of the job
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({0});
}

TEST_F(TroubleTest, QueuesWhileThereIsNoWorker) {
  StartServices();
  resources_.Reload(GoodConfig());
  LoadAll();
  Ask(Nfsd());
  ExpectAnswers({});
  StartWorkers();
  EXPECT_EQ(TakeJob(kServerWorker).job, 1U);
}

TEST_F(TroubleTest, QueuesWhileSomethingIsLoading) {
  StartServices();
  resources_.Reload(GoodConfig());
  StartWorkers();
  Ask(Nfsd());
  EXPECT_FALSE((Next<Job, ToWorker>(*workers_[kServerWorker]).has_value()));
  LoadAll();
  EXPECT_EQ(TakeJob(kServerWorker).job, 1U);
}

// And the keeper, for one, may never come.
TEST_F(TroubleTest,
       HandsOutAPskWithTheConfiguredCiphersBeforeAnythingIsLoaded) {
  StartWorkers();
  Ask(NvmeTarget());
  EXPECT_FALSE((Next<Job, ToWorker>(*workers_[kPskWorker]).has_value()));
  Config config = GoodConfig();
  config.server.suites = {CipherSuite::kAes128GcmSha256};
  resources_.Reload(config);
  desk_.Dispatch();
  const Job job = TakeJob(kPskWorker);
  EXPECT_EQ(job.suites[0], 0x1301);
  EXPECT_EQ(job.suites[1], 0);
}

TEST_F(TroubleTest, AnswersWhatNobodyCouldServeInTime) {
  StartServices();
  Ask(Nfsd());
  Advance(milliseconds(3399));
  ExpectAnswers({});
  Advance(milliseconds(2));
  ExpectAnswers({EIO});
  EXPECT_EQ(log_.Count("code=too_busy", "no time was left"), 1);
}

TEST_F(TroubleTest, AnswersForAWorkerThatHangs) {
  Start();
  Ask(Nfsd());
  TakeJob(kServerWorker);
  EXPECT_EQ(desk_.NextWake(), clock_.Now() + milliseconds(4000));
  Advance(milliseconds(3999));
  ExpectAnswers({});
  Advance(milliseconds(1));
  ExpectAnswers({EIO});
  EXPECT_EQ(log_.Count("code=too_busy", "the worker is late"), 1);
  EXPECT_TRUE(switchboard_.TakeDismissed().empty());
  Advance(Pulse::kReadsWithin);
  const auto dismissed = switchboard_.TakeDismissed();
  ASSERT_EQ(dismissed.size(), 1U);
  EXPECT_EQ(dismissed[0].worker, kServerWorker);
}

TEST_F(TroubleTest, GivesNothingMoreToAWorkerThatLied) {
  Start();
  roster_.Find(kServerWorker)->allowance = 1;
  Ask(Nfsd());
  Ask(Nfsd());  // waits for room
  const Job job = TakeJob(kServerWorker);
  EXPECT_FALSE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({EIO});
  EXPECT_TRUE(roster_.Find(kServerWorker)->running.empty());
}

TEST_F(TroubleTest, BelievesNothingMoreOfAWorkerThatTheKeeperAccuses) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  Misbehaved notice;
  notice.worker = kServerWorker;
  notice.what = Text<kDetailSize>::Of("signed twice");
  ASSERT_TRUE(keeper_->Send(notice).ok());
  const Status judged = SendReport(kServerWorker, Report(job.job));
  ASSERT_FALSE(judged.ok());
  EXPECT_EQ(judged.error().code, Code::kWorkerMisbehaved);
  ExpectAnswers({});
  switchboard_.LoseWorker(kServerWorker, Code::kWorkerDied, "signed twice");
  ExpectAnswers({EIO});
}

TEST_F(TroubleTest, AccusesNoWorkerThatDied) {
  Start();
  Ask(Nfsd());
  TakeJob(kServerWorker);
  std::erase_if(ends_, [this](const std::unique_ptr<Link>& end) {
    return end.get() == workers_[kServerWorker];
  });
  Advance(milliseconds(4000));
  ExpectAnswers({EIO});
  EXPECT_TRUE(switchboard_.TakeDismissed().empty());
}

TEST_F(TroubleTest, WakesForNoPauseOnceItTakesNoMore) {
  Start();
  kernel_.FailAccept(1);
  desk_.TakeRequests(JobDesk::Age::kFresh);
  EXPECT_TRUE(desk_.NextWake().has_value());
  desk_.TakeNoMore();
  EXPECT_EQ(desk_.NextWake(), std::nullopt);
}

TEST_F(TroubleTest, GivesUpAServiceThatReadsNothingAndSaysNothing) {
  constexpr auto kKeeper = ProcessRole::kKeeper;
  constexpr auto kVerifier = ProcessRole::kVerifier;
  Start();  // each was told of the workers
  switchboard_.OnTime();
  EXPECT_EQ(switchboard_.NextWake(), clock_.Now() + ServicePulse::kLookEvery);
  Advance(ServicePulse::kReadsWithin - milliseconds(1));
  EXPECT_EQ(switchboard_.FaultOf(kKeeper), std::nullopt);
  EXPECT_EQ(switchboard_.FaultOf(kVerifier), std::nullopt);
  Advance(milliseconds(1));
  EXPECT_EQ(switchboard_.FaultOf(kKeeper), "it does not answer");
  EXPECT_EQ(switchboard_.FaultOf(kVerifier), "it does not answer");
  EXPECT_EQ(switchboard_.FaultOf(ProcessRole::kWorker), std::nullopt);
  switchboard_.AddKeeper(PlayedBy(keeper_, ends_));
  EXPECT_EQ(switchboard_.FaultOf(kKeeper), std::nullopt);
}

TEST_F(TroubleTest, KeepsAServiceThatReadsOrSaysSomething) {
  constexpr auto kKeeper = ProcessRole::kKeeper;
  constexpr auto kVerifier = ProcessRole::kVerifier;
  Start();
  for (int i = 0; i < 3; ++i) {
    Ask(Nfsd());  // both are told something
    const Job job = TakeJob(kServerWorker);
    Advance(ServicePulse::kReadsWithin - milliseconds(1));
    SendSigned(job.job);
    EXPECT_TRUE(switchboard_.ReadKeeper().ok());
    Next<EndJob, ToVerifier>(*verifier_);
    Advance(milliseconds(1));
    EXPECT_EQ(switchboard_.FaultOf(kKeeper), std::nullopt);
    EXPECT_EQ(switchboard_.FaultOf(kVerifier), std::nullopt);
    static_cast<void>(SendReport(kServerWorker, Report(job.job)));
  }
  // One that has nothing to read may be silent.
  Advance(milliseconds(200));  // it has been told of the ends, too
  Next<Forget, ToKeeper>(*keeper_);
  Next<Forget, ToVerifier>(*verifier_);
  Advance(ServicePulse::kLookEvery);
  EXPECT_EQ(switchboard_.NextWake(), std::nullopt);
  Advance(std::chrono::hours(1));
  EXPECT_EQ(switchboard_.FaultOf(kKeeper), std::nullopt);
  EXPECT_EQ(switchboard_.FaultOf(kVerifier), std::nullopt);
}

TEST_F(TroubleTest, TellsOfTheEndOfAJobWithTheTermsOfTheNext) {
  Start();
  Ask(Nfsd());
  const Job first = TakeJob(kServerWorker);
  ASSERT_TRUE((Next<SigningTerms, ToKeeper>(*keeper_).has_value()));
  ASSERT_TRUE((Next<VerdictTerms, ToVerifier>(*verifier_).has_value()));
  SendSigned(first.job);
  EXPECT_TRUE(SendReport(kServerWorker, Report(first.job)).ok());
  ExpectAnswers({0});
  Ask(Nfsd());
  const auto signing = Next<SigningTerms, ToKeeper>(*keeper_);
  ASSERT_TRUE(signing.has_value());
  EXPECT_EQ(signing->ended, EndedJobIds{first.job});
  const auto judging = Next<VerdictTerms, ToVerifier>(*verifier_);
  ASSERT_TRUE(judging.has_value());
  EXPECT_EQ(judging->ended, EndedJobIds{first.job});
}

TEST_F(TroubleTest, TellsOfTheEndOfAJobSoonWhereThereIsNoNext) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  switchboard_.OnTime();
  SendSigned(job.job);
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  switchboard_.OnTime();
  EXPECT_FALSE((Next<EndJob, ToKeeper>(*keeper_).has_value()));
  EXPECT_FALSE((Next<EndJob, ToVerifier>(*verifier_).has_value()));
  ASSERT_TRUE(switchboard_.NextWake().has_value());
  EXPECT_LE(*switchboard_.NextWake(), clock_.Now() + milliseconds(100));
  Advance(milliseconds(100));
  EXPECT_TRUE((Next<EndJob, ToKeeper>(*keeper_).has_value()));
  EXPECT_TRUE((Next<EndJob, ToVerifier>(*verifier_).has_value()));
}

TEST_F(TroubleTest, ListensToServicesOnlyWhileTheyLoad) {
  constexpr auto kKeeper = ProcessRole::kKeeper;
  constexpr auto kVerifier = ProcessRole::kVerifier;
  StartServices();
  EXPECT_FALSE(switchboard_.ListensTo(kKeeper));
  resources_.Reload(GoodConfig());
  EXPECT_TRUE(switchboard_.ListensTo(kKeeper));
  EXPECT_TRUE(switchboard_.ListensTo(kVerifier));
  LoadAll();
  EXPECT_FALSE(switchboard_.ListensTo(kKeeper));
  EXPECT_FALSE(switchboard_.ListensTo(kVerifier));
}

// Nobody listens for it.
TEST_F(TroubleTest, HearsOfAWorkerThatAServiceAccuses) {
  Start();
  switchboard_.OnTime();
  for (const bool busy : {false, true}) {
    if (busy) {
      Ask(Nfsd());
      switchboard_.OnTime();
    }
    Misbehaved notice;
    notice.worker = busy ? kServerWorker : kClientWorker;
    notice.what = Text<kDetailSize>::Of("signed twice");
    ASSERT_TRUE(keeper_->Send(notice).ok());
    Advance(busy ? milliseconds(100) : milliseconds(1000));
    EXPECT_EQ(switchboard_.TakeDismissed().size(), 1U) << busy;
  }
}

TEST_F(TroubleTest, KnowsOfALinkThatBrokeWhenItWasReadForAReport) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  ASSERT_TRUE(keeper_->Send(ChainReply()).ok());  // is nothing for a monitor
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({0});
  EXPECT_EQ(switchboard_.found(ProcessRole::kKeeper).error().code,
            Code::kApiMisuse);
  EXPECT_TRUE(switchboard_.found(ProcessRole::kVerifier).ok());
  switchboard_.AddKeeper(PlayedBy(keeper_, ends_));
  EXPECT_TRUE(switchboard_.found(ProcessRole::kKeeper).ok());
}

// It may have to wait for a token.
TEST_F(TroubleTest, LeavesAServiceTimeToStart) {
  StartServices();
  StartWorkers();
  switchboard_.OnTime();
  Advance(ServicePulse::kStartsWithin - milliseconds(1));
  EXPECT_EQ(switchboard_.FaultOf(ProcessRole::kKeeper), std::nullopt);
  Advance(milliseconds(1));
  EXPECT_NE(switchboard_.FaultOf(ProcessRole::kKeeper), std::nullopt);
}

TEST_F(TroubleTest, TakesAReportThatCameInTimeAndWasReadLate) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  ASSERT_TRUE(workers_[kServerWorker]->Send(Report(job.job)).ok());
  Advance(milliseconds(4000));
  ExpectAnswers({0});
  EXPECT_TRUE(switchboard_.TakeDismissed().empty());
}

TEST_F(TroubleTest, IgnoresAReportThatComesTooLate) {
  Start();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  Advance(milliseconds(4000));
  ExpectAnswers({EIO});
  EXPECT_TRUE((Next<EndJob, ToWorker>(*workers_[kServerWorker]).has_value()));
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({EIO});
  EXPECT_FALSE(SendReport(kServerWorker, Report(job.job)).ok());
}

TEST_F(TroubleTest, GivesHalfTheTimeToWhatWaitedBeforeTheStart) {
  Start();
  kernel_.Queue(Nfsd());
  desk_.TakeRequests(JobDesk::Age::kOld);
  EXPECT_EQ(TakeJob(kServerWorker).total_ms, 1500U);
}

TEST_F(TroubleTest, EndsWhatNeedsAKeeperThatDied) {
  Start();
  Ask(Nfsd());
  Ask(Nfsd());
  Ask(NfsTls());
  const Job first = TakeJob(kServerWorker);
  SendSigned(first.job);  // before it died
  switchboard_.LoseKeeper();
  ExpectAnswers({EIO});
  EXPECT_EQ(log_.Count("code=keeper_unavailable"), 1);
  EXPECT_TRUE(SendReport(kServerWorker, Report(first.job)).ok());
  ExpectAnswers({EIO, 0});
}

TEST_F(TroubleTest, WaitsForTheNextKeeperAndItsCredentials) {
  Start();
  switchboard_.LoseKeeper();
  Ask(Nfsd());
  ExpectAnswers({});
  switchboard_.AddKeeper(PlayedBy(keeper_, ends_));
  EXPECT_TRUE((Next<TakeLink, ToWorker>(*workers_[kServerWorker]).has_value()));
  LoadAll();
  EXPECT_EQ(TakeJob(kServerWorker).job, 1U);
}

TEST_F(TroubleTest, EndsWhatNeedsAVerifierThatDied) {
  Start();
  Ask(Nfsd());
  Ask(Nfsd());
  const Job first = TakeJob(kServerWorker);
  SendVerdict(first.job);
  SendSigned(first.job);
  switchboard_.LoseVerifier();
  ExpectAnswers({EIO});
  EXPECT_EQ(log_.Count("code=verifier_unavailable"), 1);
  EXPECT_TRUE(SendReport(kServerWorker, Report(first.job)).ok());
  ExpectAnswers({EIO, 0});
}

TEST_F(TroubleTest, LeavesInTheKernelWhatThereIsNoRoomFor) {
  Start();
  for (int i = 0; i < 6; ++i) {
    kernel_.Queue(Nfsd());
  }
  desk_.TakeRequests(JobDesk::Age::kFresh);
  EXPECT_EQ(kernel_.accepted(), 4U);
  const Job job = TakeJob(kServerWorker);
  EXPECT_TRUE(SendReport(kServerWorker,
                         Report(job.job, Outcome::Failure(Code::kNotTls)))
                  .ok());
  EXPECT_EQ(kernel_.accepted(), 5U);
}

TEST_F(TroubleTest, TakesWhatWaitedInTheKernelWhenDeadlinesMakeRoom) {
  Start();
  for (int i = 0; i < 5; ++i) {
    kernel_.Queue(Nfsd());
  }
  desk_.TakeRequests(JobDesk::Age::kFresh);
  for (int i = 0; i < 4; ++i) {
    TakeJob(kServerWorker);
  }
  Advance(milliseconds(4000));
  EXPECT_EQ(kernel_.accepted(), 5U);
  for (int i = 0; i < 4; ++i) {  // the worker was late, but lives
    EXPECT_TRUE((Next<EndJob, ToWorker>(*workers_[kServerWorker]).has_value()));
  }
  Advance(milliseconds(50));
  // It has waited there for nobody knows how long.
  EXPECT_EQ(TakeJob(kServerWorker).total_ms, 1450U);
}

TEST_F(TroubleTest, LeavesInTheKernelWhatComesAfterItStopped) {
  Start();
  desk_.Close();
  Ask(Nfsd());
  EXPECT_EQ(kernel_.accepted(), 0U);
}

TEST_F(TroubleTest, ReplacesAWorkerWhoseLastJobWasEndedForIt) {
  Start();
  Ask(Nfsd());
  roster_.Find(kServerWorker)->taken = Roster::kJobsPerLife;
  switchboard_.OnTime();
  EXPECT_TRUE(switchboard_.TakeDismissed().empty());
  switchboard_.LoseKeeper();
  ExpectAnswers({EIO});
  switchboard_.OnTime();
  const auto dismissed = switchboard_.TakeDismissed();
  ASSERT_EQ(dismissed.size(), 1U);
  EXPECT_EQ(dismissed[0].worker, kServerWorker);
  EXPECT_EQ(dismissed[0].why, Switchboard::Why::kRetired);
}

TEST_F(TroubleTest, SurvivesAFailingAccept) {
  Start();
  kernel_.FailAccept(3);
  Ask(Nfsd());
  for (int i = 0; i < 2; ++i) {
    Advance(AcceptPace::kLongestPause);
  }
  EXPECT_EQ(log_.Count("event=kernel_trouble"), 1);
  Advance(AcceptPace::kLongestPause);
  EXPECT_EQ(TakeJob(kServerWorker).job, 1U);
}

TEST_F(TroubleTest, SaysSoWhenTheKernelRefusesTheAnswer) {
  Start();
  kernel_.RefuseDone();
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({0});  // once, although it was refused
  EXPECT_EQ(log_.Count("outcome=ok"), 0);
  EXPECT_EQ(log_.Count("event=answer_refused", "os_error=16"), 1);
  EXPECT_EQ(desk_.counts().refused_by_kernel, 1U);
}

// Fault 20.
TEST_F(TroubleTest, TakesAConsumerThatIsGoneForNoTrouble) {
  Start();
  kernel_.FailDones(FailingCalls::Every(1), ESRCH);
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({0});
  EXPECT_EQ(kernel_.done_calls(), 1U);
  EXPECT_EQ(log_.Count("outcome=ok"), 0);
  EXPECT_EQ(desk_.counts().consumer_gone, 1U);
  EXPECT_EQ(desk_.counts().refused_by_kernel, 0U);
  EXPECT_EQ(desk_.counts().succeeded, 0U);
}

TEST_F(TroubleTest, AnswersEverythingWhenItStops) {
  Start();
  Ask(Nfsd());
  Ask(NfsTls());
  const Job client = TakeJob(kClientWorker);
  EXPECT_TRUE(
      SendReport(kClientWorker,
                 Report(client.job, Outcome::Failure(Code::kPeerClosed)))
          .ok());  // waits for its second
  switchboard_.LoseWorker(kClientWorker, Code::kWorkerDied, "");
  Ask(NfsTls());  // waits for a worker
  desk_.Close();
  EXPECT_EQ(kernel_.answers().size(), 3U);
  EXPECT_EQ(log_.Count("code=shutting_down", "the agent is stopping"), 2);
}

TEST_F(TroubleTest, AnswersEvenWhenItIsDestroyed) {
  {
    JobDesk desk(Around(kernel_, {}), 4);
    kernel_.Queue(Nfsd());
    desk.TakeRequests(JobDesk::Age::kFresh);
    EXPECT_TRUE(kernel_.answers().empty());
  }
  ExpectAnswers({EIO});
}

}  // namespace
}  // namespace ktlsd::agent
