#include "agent/monitor/ended_jobs.h"

#include <gtest/gtest.h>

#include <utility>
#include <variant>
#include <vector>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"

namespace ktlsd::agent {
namespace {

class EndedJobsTest : public ::testing::Test {
 protected:
  EndedJobsTest() : EndedJobsTest(MakeLinkPair().value()) {}

  // Of whose end the service was told by a message.
  std::vector<JobId> Told() {
    std::vector<JobId> told;
    for (;;) {
      auto received = theirs_.Receive<ToKeeper>();
      if (!received.ok() || !received->has_value()) {
        return told;
      }
      told.push_back(std::get<EndJob>((*received)->message).job);
    }
  }

  EndedJobs ended_;
  Link ours_;

 private:
  explicit EndedJobsTest(std::pair<OwnedFd, OwnedFd> pair)
      : ours_(std::move(pair.first)), theirs_(std::move(pair.second)) {}

  Link theirs_;
};

TEST_F(EndedJobsTest, WaitForTheNextTerms) {
  ended_.Add(3, ours_);
  ended_.Add(4, ours_);
  EXPECT_EQ(Told(), std::vector<JobId>{});
  EXPECT_EQ(ended_.Take(), (EndedJobIds{3, 4}));
  EXPECT_TRUE(ended_.empty());
  EXPECT_EQ(ended_.Take(), EndedJobIds{});
}

TEST_F(EndedJobsTest, GoOutByThemselvesWhereThereAreNone) {
  ended_.Add(3, ours_);
  ended_.Add(4, ours_);
  ended_.TellAll(ours_);
  EXPECT_EQ(Told(), (std::vector<JobId>{3, 4}));
  EXPECT_TRUE(ended_.empty());
}

// The keeper's room for jobs is not kept by those that are over.
TEST_F(EndedJobsTest, AreNoMoreThanTermsCanTell) {
  for (JobId job = 1; job <= kMaxEndedJobs + 2; ++job) {
    ended_.Add(job, ours_);
  }
  EXPECT_EQ(Told(), (std::vector<JobId>{1, 2}));
  EXPECT_EQ(ended_.Take(), (EndedJobIds{3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST_F(EndedJobsTest, AreForgottenWithTheService) {
  ended_.Add(3, ours_);
  ended_.Clear();
  ended_.TellAll(ours_);
  EXPECT_EQ(Told(), std::vector<JobId>{});
}

}  // namespace
}  // namespace ktlsd::agent
