#include "agent/monitor/roster.h"

#include <utility>

#include "agent/ipc/link.h"
#include "agent/ipc/wire_types.h"
#include "gtest/gtest.h"

namespace ktlsd::agent {
namespace {

class RosterTest : public testing::Test {
 protected:
  Roster::Worker& Add(WorkerId id, Pool pool) {
    roster_.Add(id, pool, Link(MakeLinkPair().value().first));
    return *roster_.Find(id);
  }
  WorkerId Picked(Pool pool) {
    const Roster::Worker* worker = roster_.Pick(pool);
    return worker == nullptr ? 0 : worker->id;
  }

  Roster roster_;
};

TEST_F(RosterTest, PicksTheOneWithTheFewestJobsOfThePool) {
  Roster::Begin(Add(1, Pool::kServer), 11);
  Add(2, Pool::kServer);
  Add(3, Pool::kClient);
  EXPECT_EQ(Picked(Pool::kServer), 2U);
  EXPECT_EQ(Picked(Pool::kClient), 3U);
}

TEST_F(RosterTest, SparesARetiringWorkerWhileThereIsAnother) {
  Add(1, Pool::kServer).taken = Roster::kJobsPerLife;
  Roster::Begin(Add(2, Pool::kServer), 11);
  EXPECT_EQ(Picked(Pool::kServer), 2U);
}

TEST_F(RosterTest, LetsRetiringWorkersServeWhenAllRetire) {
  Roster::Worker& worker = Add(1, Pool::kServer);
  worker.taken = Roster::kJobsPerLife;
  EXPECT_EQ(Picked(Pool::kServer), 1U);
  worker.taken = 2 * Roster::kJobsPerLife;
  EXPECT_EQ(Picked(Pool::kServer), 0U);
}

TEST_F(RosterTest, RetiresWithAgeWhoHasHadAJob) {
  Roster::Worker& worker = Add(1, Pool::kServer);
  worker.aged = true;
  EXPECT_FALSE(worker.retiring());
  Roster::Begin(worker, 7);
  EXPECT_TRUE(worker.retiring());
}

TEST_F(RosterTest, GivesNoWorkerMoreThanItCanHold) {
  Roster::Worker& worker = Add(1, Pool::kServer);
  for (JobId job = 1; job <= Roster::kMaxJobsPerWorker; ++job) {
    Roster::Begin(worker, job);
  }
  EXPECT_EQ(Picked(Pool::kServer), 0U);
}

TEST_F(RosterTest, TakesOneReportForAJob) {
  Roster::Worker& worker = Add(1, Pool::kServer);
  Roster::Begin(worker, 7);
  EXPECT_EQ(Roster::TakeReport(worker, 7), Roster::Claim::kRunning);
  EXPECT_EQ(Roster::TakeReport(worker, 7), Roster::Claim::kNotIts);
  Roster::Begin(worker, 8);
  Roster::EndEarly(worker, 8);
  EXPECT_EQ(Roster::TakeReport(worker, 8), Roster::Claim::kEnded);
  EXPECT_EQ(Roster::TakeReport(worker, 8), Roster::Claim::kNotIts);
}

// The keeper may die with all of them unsigned, and their reports be under way.
TEST_F(RosterTest, RemembersAllThatWereEndedAtOnce) {
  Roster::Worker& worker = Add(1, Pool::kServer);
  for (JobId job = 1; job <= Roster::kMaxJobsPerWorker; ++job) {
    Roster::Begin(worker, job);
    Roster::EndEarly(worker, job);
  }
  for (JobId job = 1; job <= Roster::kMaxJobsPerWorker; ++job) {
    ASSERT_EQ(Roster::TakeReport(worker, job), Roster::Claim::kEnded) << job;
  }
  for (JobId job = 1; job <= 2 * Roster::kMostEnded; ++job) {
    Roster::Begin(worker, job);
    Roster::EndEarly(worker, job);
  }
  EXPECT_EQ(worker.ended.size(), Roster::kMostEnded);
}

TEST_F(RosterTest, TakesOneQuestionAboutAJobThatWasEnded) {
  Roster::Worker& worker = Add(1, Pool::kPsk);
  Roster::Begin(worker, 7);
  EXPECT_EQ(Roster::TakeQuestion(worker, 7), Roster::Claim::kRunning);
  EXPECT_EQ(Roster::TakeQuestion(worker, 7), Roster::Claim::kRunning);
  EXPECT_EQ(Roster::TakeQuestion(worker, 8), Roster::Claim::kNotIts);
  Roster::EndEarly(worker, 7);
  EXPECT_EQ(Roster::TakeQuestion(worker, 7), Roster::Claim::kEnded);
  EXPECT_EQ(Roster::TakeQuestion(worker, 7), Roster::Claim::kTooOften);
  EXPECT_EQ(Roster::TakeReport(worker, 7), Roster::Claim::kEnded);
}

}  // namespace
}  // namespace ktlsd::agent
