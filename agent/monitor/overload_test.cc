// More at once than can be done in time, and a kernel that fails meanwhile:
// each request is answered once, and only who hangs is killed.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "agent/monitor/testing/world.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

Request CheapNfsd() {
  Request request;
  request.socket = OwnedFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  request.kind = HandshakeKind::kServerHello;
  request.auth_mode = AuthMode::kX509;
  request.well_formed = true;
  return request;
}

class OverloadTest : public World {
 protected:
  static constexpr std::size_t kCapacity = 256;

  OverloadTest() : World(kCapacity) { Start(); }

  void Arrive(unsigned requests) {
    kernel_.Generate(requests, CheapNfsd);
    desk_.TakeRequests(JobDesk::Age::kFresh);
  }
  // The worker ends up to `most` jobs that it was given, in turns well and ill.
  void Serve(std::size_t most = kCapacity) {
    for (; most > 0; --most) {
      const auto job = Next<Job, ToWorker>(*workers_[kServerWorker]);
      if (!job.has_value()) {
        break;
      }
      const bool good = job->job % 2 == 0;
      SendSigned(job->job);
      good_ += good ? 1 : 0;
      const Outcome outcome =
          good ? Outcome::Success() : Outcome::Failure(Code::kNotTls);
      EXPECT_TRUE(
          workers_[kServerWorker]->Send(Report(job->job, outcome)).ok());
    }
    EXPECT_TRUE(switchboard_.ReadWorker(kServerWorker).ok());
    Next<LoadCredential, ToKeeper>(*keeper_);  // empties their queues
    Next<LoadTrust, ToVerifier>(*verifier_);
  }
  void ServeUntilNothingWaits() {
    for (int turn = 0; turn < 400 && OpenOrWaiting(); ++turn) {
      Serve();
      Advance(milliseconds(50));
    }
  }
  bool OpenOrWaiting() const {
    return kernel_.waiting() > 0 ||
           kernel_.accepted() != kernel_.answers().size();
  }
  std::ptrdiff_t Successes() const {
    return std::ranges::count(kernel_.answers(), 0U,
                              &FakeHandshakeKernel::Answer::status);
  }
  // The worker has been given `jobs`, and read them.
  void GiveJobs(unsigned jobs) {
    Arrive(jobs);
    for (unsigned i = 0; i < jobs; ++i) {
      TakeJob(kServerWorker);
    }
  }
  bool Behind() { return roster_.Find(kServerWorker)->pulse.behind(); }

  std::ptrdiff_t good_ = 0;
};

TEST_F(OverloadTest, AnswersAThousandAtOnceOnceEach) {
  Arrive(1000);
  EXPECT_EQ(kernel_.accepted(), kCapacity);
  ServeUntilNothingWaits();
  EXPECT_EQ(kernel_.accepted(), 1000U);
  EXPECT_EQ(kernel_.answers().size(), 1000U);
  EXPECT_EQ(kernel_.done_calls(), 1000U);
  EXPECT_EQ(Successes(), 500);
  EXPECT_LE(kernel_.most_open(), kCapacity);
  EXPECT_EQ(log_.Count("event=handshake_done"), 1000);
}

TEST_F(OverloadTest, AnswersAThousandWithoutAnyWorkerInTime) {
  switchboard_.LoseWorker(kServerWorker, Code::kWorkerDied, "signal 9");
  Arrive(1000);
  for (int turn = 0; turn < 12; ++turn) {
    Advance(milliseconds(1000));
  }
  EXPECT_EQ(kernel_.answers().size(), 1000U);
  EXPECT_EQ(Successes(), 0);
  EXPECT_EQ(log_.Count("code=too_busy"), 1000);
}

// Who says much at once, or all the time, keeps nobody from others.
TEST_F(OverloadTest, ReadsAWorkerInTurns) {
  Arrive(200);
  for (int i = 0; i < 200; ++i) {
    JobReport report =
        Report(TakeJob(kServerWorker).job, Outcome::Failure(Code::kNotTls));
    ASSERT_TRUE(workers_[kServerWorker]->Send(report).ok());
  }
  EXPECT_TRUE(switchboard_.ReadWorker(kServerWorker).ok());
  EXPECT_EQ(kernel_.answers().size(), 64U);
  EXPECT_TRUE(
      switchboard_.ReadWorker(kServerWorker, Switchboard::Extent::kAll).ok());
  EXPECT_EQ(kernel_.answers().size(), 200U);
}

TEST_F(OverloadTest, ServesFirstWhoCameFirst) {
  switchboard_.LoseWorker(kServerWorker, Code::kWorkerDied, "signal 9");
  Arrive(40);
  switchboard_.AddWorker(kServerWorker, Pool::kServer,
                         PlayedBy(workers_[kServerWorker], ends_));
  for (JobId job = 1; job <= 40; ++job) {
    EXPECT_EQ(TakeJob(kServerWorker).job, job);
  }
}

// --- Every call to the kernel fails once, and again and again ---

TEST_F(OverloadTest, AnswersOnceWhicheverAcceptFails) {
  for (unsigned number = 1; number <= 12; ++number) {
    SCOPED_TRACE(number);
    kernel_.FailAccepts(FailingCalls::Only(number), EMFILE);
    Arrive(10);
    ServeUntilNothingWaits();
    EXPECT_EQ(kernel_.accepted(), 10 * number);
    EXPECT_EQ(kernel_.answers().size(), 10 * number);
    EXPECT_EQ(Successes(), good_);
  }
}

TEST_F(OverloadTest, AnswersOnceThoughEveryOtherAcceptFails) {
  for (unsigned step = 2; step <= 6; ++step) {
    SCOPED_TRACE(step);
    kernel_.FailAccepts(FailingCalls::Every(step), ENOMEM);
    Arrive(30);
    ServeUntilNothingWaits();
    EXPECT_EQ(kernel_.accepted(), 30 * (step - 1));
    EXPECT_EQ(kernel_.answers().size(), kernel_.accepted());
    EXPECT_EQ(Successes(), good_);
  }
}

TEST_F(OverloadTest, AnswersOnceWhicheverDoneFails) {
  for (unsigned number = 1; number <= 12; ++number) {
    for (const int os_error : {ENOBUFS, EBUSY}) {
      SCOPED_TRACE(number);
      const std::size_t answered = kernel_.answers().size();
      kernel_.FailDones(FailingCalls::Only(number), os_error);
      Arrive(10);
      ServeUntilNothingWaits();
      EXPECT_EQ(kernel_.answers().size(), answered + 10);
      EXPECT_EQ(Successes(), good_);
    }
  }
  EXPECT_EQ(desk_.counts().refused_by_kernel, 10U);
}

TEST_F(OverloadTest, AnswersOnceThoughEveryOtherDoneFails) {
  for (unsigned step = 2; step <= 6; ++step) {
    SCOPED_TRACE(step);
    kernel_.FailDones(FailingCalls::Every(step), ENOMEM,
                      FakeHandshakeKernel::Loss::kMessage);
    Arrive(30);
    ServeUntilNothingWaits();
    EXPECT_EQ(kernel_.answers().size(), 30 * (step - 1));
    EXPECT_EQ(Successes(), good_);
  }
  EXPECT_EQ(desk_.counts().refused_by_kernel, 0U);
}

// --- A kernel that does not give what waits ---

TEST_F(OverloadTest, PausesAfterAFailedAcceptAndTriesAgain) {
  kernel_.FailAccepts(FailingCalls::First(4), EMFILE);
  Arrive(1);
  for (int i = 0; i < 100; ++i) {  // whatever READY says meanwhile
    desk_.TakeRequests(JobDesk::Age::kFresh);
  }
  EXPECT_EQ(kernel_.accept_calls(), 1U);
  EXPECT_EQ(desk_.NextWake(), clock_.Now() + milliseconds(50));
  for (const int pause : {50, 100, 200}) {
    Advance(milliseconds(pause - 1));
    const unsigned calls = kernel_.accept_calls();
    Advance(milliseconds(1));
    EXPECT_EQ(kernel_.accept_calls(), calls + 1);
  }
  EXPECT_EQ(kernel_.accepted(), 0U);
  Advance(milliseconds(400));
  EXPECT_EQ(kernel_.accepted(), 1U);
  EXPECT_EQ(log_.Count("event=kernel_trouble", "os_error=24"), 1);
  EXPECT_EQ(log_.Count("requests are taken again", "failures=4"), 1);
}

TEST_F(OverloadTest, TriesOnceASecondAtMostAndComplainsOnce) {
  kernel_.FailAccepts(FailingCalls::Every(1), ENFILE);
  Arrive(1);
  for (int second = 0; second < 60; ++second) {
    Advance(milliseconds(1000));
  }
  EXPECT_EQ(kernel_.accept_calls(), 61U);
  EXPECT_EQ(log_.Count("event=kernel_trouble"), 1);
}

TEST_F(OverloadTest, GoesOnWithWhatItHasWhileTheKernelFails) {
  kernel_.FailAccepts(FailingCalls::Every(6), ENOMEM);
  Arrive(20);
  EXPECT_EQ(kernel_.accepted(), 5U);
  Serve();
  EXPECT_EQ(kernel_.answers().size(), 5U);
}

// --- Late, or dead ---

TEST_F(OverloadTest, KeepsAWorkerThatIsOnlyLate) {
  GiveJobs(40);
  Advance(milliseconds(4000));
  EXPECT_EQ(kernel_.answers().size(), 40U);
  EXPECT_EQ(log_.Count("code=too_busy", "the worker is late"), 40);
  EXPECT_TRUE(Behind());
  // It comes to read what it was told, a little at a time.
  for (int i = 0; i < 10; ++i) {
    Advance(milliseconds(2900));
    ASSERT_TRUE((Next<EndJob, ToWorker>(*workers_[kServerWorker]).has_value()));
  }
  EXPECT_TRUE(switchboard_.TakeDismissed().empty());
}

TEST_F(OverloadTest, GivesALateWorkerNothingMoreUntilItHasReadAll) {
  GiveJobs(2);
  Advance(milliseconds(4000));
  Arrive(1);
  EXPECT_TRUE((Next<EndJob, ToWorker>(*workers_[kServerWorker]).has_value()));
  Advance(milliseconds(50));
  EXPECT_TRUE(Behind());
  EXPECT_TRUE((Next<EndJob, ToWorker>(*workers_[kServerWorker]).has_value()));
  EXPECT_FALSE((Next<Job, ToWorker>(*workers_[kServerWorker]).has_value()));
  Advance(milliseconds(50));
  EXPECT_FALSE(Behind());
  EXPECT_EQ(TakeJob(kServerWorker).job, 3U);
}

TEST_F(OverloadTest, GivesALateWorkerMoreWhenItReports) {
  GiveJobs(1);
  Advance(milliseconds(4000));
  Arrive(1);
  EXPECT_TRUE(Behind());
  EXPECT_TRUE(SendReport(kServerWorker, Report(1)).ok());
  EXPECT_FALSE(Behind());
  switchboard_.OnTime();
  EXPECT_EQ(TakeJob(kServerWorker).job, 2U);
}

TEST_F(OverloadTest, EndsAWorkerThatReadsNothing) {
  GiveJobs(3);
  Advance(milliseconds(4000));
  EXPECT_EQ(kernel_.answers().size(), 3U);
  EXPECT_EQ(desk_.NextWake(), clock_.Now() + Pulse::kLookEvery);
  Advance(Pulse::kReadsWithin - milliseconds(1));
  EXPECT_TRUE(switchboard_.TakeDismissed().empty());
  Advance(milliseconds(1));
  const auto dismissed = switchboard_.TakeDismissed();
  ASSERT_EQ(dismissed.size(), 1U);
  EXPECT_EQ(dismissed[0].worker, kServerWorker);
  EXPECT_EQ(dismissed[0].reason, "it does not answer");
  EXPECT_EQ(dismissed[0].why, Switchboard::Why::kMisbehaved);
}

TEST_F(OverloadTest, EndsAWorkerThatReadsAndEndsNothing) {
  std::vector<Switchboard::Dismissal> dismissed;
  int rounds = 0;
  for (; rounds < 20 && dismissed.empty(); ++rounds) {
    GiveJobs(1);
    Advance(milliseconds(4000));
    EXPECT_TRUE((Next<EndJob, ToWorker>(*workers_[kServerWorker]).has_value()));
    Advance(milliseconds(50));
    dismissed = switchboard_.TakeDismissed();
  }
  EXPECT_EQ(rounds, 6);  // the fifth is late 16.2 s after the first
  ASSERT_EQ(dismissed.size(), 1U);
  EXPECT_EQ(dismissed[0].reason, "it ends none of its jobs");
}

TEST_F(OverloadTest, HalvesWhatALateWorkerMayHold) {
  Roster::Worker& worker = *roster_.Find(kServerWorker);
  GiveJobs(200);
  Advance(milliseconds(4000));
  EXPECT_EQ(worker.allowance, 100U);
  Serve();
  Advance(milliseconds(50));
  GiveJobs(100);
  Arrive(1);
  EXPECT_FALSE((Next<Job, ToWorker>(*workers_[kServerWorker]).has_value()));
  EXPECT_TRUE(
      SendReport(kServerWorker, Report(201, Outcome::Failure(Code::kNotTls)))
          .ok());
  EXPECT_EQ(worker.allowance, 101U);
  EXPECT_EQ(TakeJob(kServerWorker).job, 301U);
  Advance(milliseconds(4000));
  EXPECT_EQ(worker.allowance, Roster::kLeastAllowance);
}

}  // namespace
}  // namespace ktlsd::agent
