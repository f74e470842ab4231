#include "agent/monitor/live_sessions.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "agent/monitor/testing/world.h"

namespace ktlsd::agent {
namespace {

class FakeDiag final : public SocketDiag {
 public:
  Status Abort(const ConnectionName& connection) override {
    aborted.push_back(connection);
    return os_error == 0 ? Status(Ok{})
                         : Error{Code::kNetlinkFailed, "fake", os_error};
  }
  std::vector<ConnectionName> aborted;
  int os_error = 0;
};

class LiveSessionsTest : public World {
 protected:
  LiveSessionsTest() : World(16) {
    kernel_.SetDiag(&diag_);
    live_.Enable(true);
    Start();
  }

  // A client of nfsd comes, and is served.
  void Serve(const std::vector<Bytes>& chain = {{0x30, 0x01}, {0x30}}) {
    Ask(Nfsd());
    const Job job = TakeJob(kServerWorker);
    SendSigned(job.job);
    if (!chain.empty()) {
      SendChain(job.job, chain);
    }
    SendVerdict(job.job);
    EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  }
  std::optional<Recheck> TakeQuestion() {
    clock_.Advance(LiveSessions::kLookEvery);
    live_.OnTime();
    return Next<Recheck, ToVerifier>(*verifier_);
  }
  void Answer(const Recheck& question, Outcome outcome,
              CalendarTime until = CalendarTime(std::chrono::hours(1))) {
    Rechecked answer;
    answer.session = question.session;
    answer.trust = question.trust;
    answer.outcome = outcome;
    answer.valid_until = std::chrono::duration_cast<std::chrono::seconds>(
                             until.time_since_epoch())
                             .count();
    answer.detail = decltype(answer.detail)::Of("the detail");
    ASSERT_TRUE(verifier_->Send(answer).ok());
    EXPECT_TRUE(switchboard_.ReadVerifier().ok());
  }
  void ServeAndAccept() {
    Serve();
    const auto question = TakeQuestion();
    ASSERT_TRUE(question.has_value());
    Answer(*question, Outcome::Success());
  }
  // As after a change of a file.
  void LoadAnew() {
    resources_.Reload(GoodConfig());
    LoadAll();
  }
  static Outcome Revoked() {
    return Outcome::Failure(Code::kCertificateRevoked);
  }

  FakeDiag diag_;
};

TEST_F(LiveSessionsTest, AreJudgedByTheTrustThatServes) {
  Serve();
  const auto question = TakeQuestion();
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(question->trust,
            std::get<Loaded>(resources_.side(Side::kServer).trust).id);
  EXPECT_EQ(question->peer, Side::kClient);
  EXPECT_EQ(question->certificates, 2);
  EXPECT_TRUE(SameBytes(payload_, Bytes{0, 0, 2, 0x30, 0x01, 0, 0, 1, 0x30}));
  Answer(*question, Outcome::Success());
  EXPECT_FALSE(TakeQuestion().has_value());
  ASSERT_EQ(live_.List().size(), 1U);
  EXPECT_EQ(live_.List()[0].state, "accepted");
  EXPECT_TRUE(diag_.aborted.empty());
}

TEST_F(LiveSessionsTest, TellWhileAnswersAreAwaited) {
  Serve();
  const auto question = TakeQuestion();
  ASSERT_TRUE(question.has_value());
  EXPECT_TRUE(live_.asking());
  EXPECT_TRUE(switchboard_.ListensTo(ProcessRole::kVerifier));
  EXPECT_FALSE(switchboard_.ListensTo(ProcessRole::kKeeper));
  Answer(*question, Outcome::Success());
  EXPECT_FALSE(live_.asking());
  LoadAnew();
  const auto again = TakeQuestion();
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(live_.asking());
  Answer(*again, Revoked());
  EXPECT_FALSE(live_.asking());
}

TEST_F(LiveSessionsTest, EndWhenTheNewTrustRefusesTheirPeer) {
  ServeAndAccept();
  LoadAnew();
  const auto question = TakeQuestion();
  ASSERT_TRUE(question.has_value());
  Answer(*question, Revoked());
  ASSERT_EQ(diag_.aborted.size(), 1U);
  EXPECT_NE(diag_.aborted[0].cookie, 0U);
  EXPECT_EQ(live_.size(), 0U);
  EXPECT_EQ(log_.Count("event=session_ended", "outcome=ended",
                       "code=certificate_revoked",
                       "peer=127.0.0.1:", "subject=\"CN=peer",
                       "reason=\"the detail", "settings=authenticate.server"),
            1)
      << log_.All();
}

TEST_F(LiveSessionsTest, AreJudgedAgainWhenTheAnswerEnds) {
  Serve();
  const auto question = TakeQuestion();
  ASSERT_TRUE(question.has_value());
  // The clock of this test stands at the beginning of time.
  Answer(*question, Outcome::Success(), CalendarTime());
  EXPECT_TRUE(TakeQuestion().has_value());
}

TEST_F(LiveSessionsTest, AreNotAskedAboutForEverWhenTheAnswerHasNoEnd) {
  Serve();
  const auto question = TakeQuestion();
  ASSERT_TRUE(question.has_value());
  Rechecked answer;
  answer.session = question->session;
  answer.trust = question->trust;
  answer.outcome = Outcome::Success();
  answer.valid_until = INT64_MAX;
  ASSERT_TRUE(verifier_->Send(answer).ok());
  EXPECT_TRUE(switchboard_.ReadVerifier().ok());
  EXPECT_FALSE(TakeQuestion().has_value());
}

// A list that is out of date is no reason to cut everybody off.
TEST_F(LiveSessionsTest, GoOnWhenTheFaultIsOurs) {
  Serve();
  const auto question = TakeQuestion();
  ASSERT_TRUE(question.has_value());
  Answer(*question, Outcome::Failure(Code::kCrlUnavailable));
  EXPECT_TRUE(diag_.aborted.empty());
  EXPECT_EQ(live_.List().at(0).state, "unclear: the detail");
  EXPECT_FALSE(TakeQuestion().has_value());
}

TEST_F(LiveSessionsTest, GoOnWhileThereIsNoTrustToJudgeThem) {
  ServeAndAccept();
  resources_.LoseVerifier();
  EXPECT_FALSE(TakeQuestion().has_value());
  EXPECT_EQ(live_.size(), 1U);
}

TEST_F(LiveSessionsTest, AreForgottenWhenTheyHaveEndedBefore) {
  ServeAndAccept();
  LoadAnew();
  diag_.os_error = ENOENT;
  Answer(*TakeQuestion(), Revoked());
  EXPECT_EQ(live_.size(), 0U);
  EXPECT_EQ(log_.Count("event=session_ended"), 0);
}

TEST_F(LiveSessionsTest, StayInTheListWhenTheyCannotBeEnded) {
  ServeAndAccept();
  LoadAnew();
  diag_.os_error = EPERM;
  Answer(*TakeQuestion(), Revoked());
  EXPECT_EQ(live_.List().at(0).state,
            "refused, and not ended: certificate_revoked");
  EXPECT_EQ(log_.Count("event=session_ended", "outcome=failed", "os_error=1"),
            1)
      << log_.All();
}

// It says of all connections that there are none.
TEST_F(LiveSessionsTest, AreNotTakenForEndedByAKernelThatEndsNone) {
  live_.Enable(false);
  live_.SetAbility(Error{Code::kNetlinkFailed, "no", EOPNOTSUPP});
  live_.Enable(true);
  EXPECT_EQ(log_.Count("event=kernel_trouble", "CONFIG_INET_DIAG_DESTROY"), 1);
  live_.Enable(true);  // with each reload
  EXPECT_EQ(log_.Count("event=kernel_trouble"), 1);
  ServeAndAccept();
  LoadAnew();
  Answer(*TakeQuestion(), Revoked());
  EXPECT_TRUE(diag_.aborted.empty());
  EXPECT_EQ(live_.size(), 1U);
  EXPECT_EQ(log_.Count("event=session_ended", "outcome=failed"), 1);
}

TEST_F(LiveSessionsTest, AreNoneWithoutACertificateOfThePeer) {
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  EXPECT_EQ(live_.size(), 0U);
}

// A verifier that is taken over must not end the monitor.
TEST_F(LiveSessionsTest, AreNoneWithoutAVerdict) {
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendSigned(job.job);
  SendChain(job.job, {{0x30}});
  EXPECT_TRUE(SendReport(kServerWorker, Report(job.job)).ok());
  ExpectAnswers({0});
  EXPECT_EQ(live_.size(), 0U);
}

TEST_F(LiveSessionsTest, AreNoneOnceItIsOff) {
  ServeAndAccept();
  live_.Enable(false);
  EXPECT_EQ(live_.size(), 0U);
  Serve();
  EXPECT_EQ(live_.size(), 0U);
}

TEST_F(LiveSessionsTest, AreNoneOfAFailedHandshake) {
  Ask(Nfsd());
  const Job job = TakeJob(kServerWorker);
  SendChain(job.job, {{0x30}});
  SendVerdict(job.job);
  EXPECT_TRUE(SendReport(kServerWorker,
                         Report(job.job, Outcome::Failure(Code::kPeerReset)))
                  .ok());
  EXPECT_EQ(live_.size(), 0U);
}

TEST_F(LiveSessionsTest, AreForgottenWithTheirNamespace) {
  ServeAndAccept();
  desk_.RemoveKernel(kernel_);
  EXPECT_EQ(live_.size(), 0U);
}

TEST_F(LiveSessionsTest, IgnoreAnswersThatNobodyWaitsFor) {
  Serve();
  const auto question = TakeQuestion();
  ASSERT_TRUE(question.has_value());
  Recheck other = *question;
  other.session += 1;
  Answer(other, Revoked());
  other = *question;
  other.trust += 1;
  Answer(other, Revoked());
  EXPECT_TRUE(diag_.aborted.empty());
  Answer(*question, Outcome::Success());
  Answer(*question, Revoked());  // a second time
  EXPECT_TRUE(diag_.aborted.empty());
}

TEST_F(LiveSessionsTest, AreAskedAboutAFewAtATime) {
  NewSession session;
  session.diag = &diag_;
  session.settings = "authenticate.server";
  session.side = Side::kServer;
  session.chain = {{0x30}};
  for (std::size_t i = 0; i < LiveSessions::kMostAsked + 1; ++i) {
    live_.Add(session);
  }
  EXPECT_FALSE(live_.NextWake().has_value());
  clock_.Advance(LiveSessions::kLookEvery);
  live_.OnTime();
  EXPECT_TRUE(live_.NextWake().has_value());
  std::vector<Recheck> questions;
  while (auto question = Next<Recheck, ToVerifier>(*verifier_)) {
    questions.push_back(*question);
  }
  EXPECT_EQ(questions.size(), LiveSessions::kMostAsked);
  Answer(questions[0], Outcome::Success());
  EXPECT_TRUE(TakeQuestion().has_value());
}

TEST_F(LiveSessionsTest, AreBounded) {
  NewSession session;
  session.diag = &diag_;
  session.chain = {Bytes(1U << 20)};
  for (int i = 0; i < 17; ++i) {
    live_.Add(session);
  }
  EXPECT_EQ(live_.size(), 16U);
  session.chain = {{0x30}};
  for (std::size_t i = 0; i < LiveSessions::kMost + 1; ++i) {
    live_.Add(session);
  }
  EXPECT_EQ(live_.size(), LiveSessions::kMost);
}

}  // namespace
}  // namespace ktlsd::agent
