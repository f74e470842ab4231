// Keeper and verifier are not woken for terms, and for everything else.
#include <gtest/gtest.h>

#include <optional>
#include <utility>
#include <variant>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/monitor/service_pulse.h"
#include "agent/monitor/testing/world.h"

namespace ktlsd::agent {
namespace {

class BellTest : public World {
 protected:
  BellTest() {
    StartServices();
    bells_.emplace(BellOf<ToKeeper>(*keeper_), BellOf<ToVerifier>(*verifier_));
    resources_.Reload(GoodConfig());
    LoadAll();
    StartWorkers();
  }

  // Both, since the last question.
  bool Rang() {
    const bool keepers = Rang(bells_->first);
    const bool verifiers = Rang(bells_->second);
    EXPECT_EQ(keepers, verifiers);
    return keepers;
  }

 private:
  template <typename Set>
  static Link BellOf(Link& service) {
    for (;;) {
      auto received = service.Receive<Set>(Descriptors::kTake).value();
      if (!received) {
        ADD_FAILURE() << "no bell";
        return Link(OwnedFd());
      }
      if (std::holds_alternative<TakeBell>(received->message)) {
        return Link(std::move(received->descriptors.front()));
      }
    }
  }
  static bool Rang(Link& bell) {
    bool rang = false;
    while (bell.Receive<ToSleeper>().value().has_value()) {
      rang = true;
    }
    return rang;
  }

  std::optional<std::pair<Link, Link>> bells_;
};

TEST_F(BellTest, RingsForFilesAndForWorkers) { EXPECT_TRUE(Rang()); }

TEST_F(BellTest, DoesNotRingForTerms) {
  EXPECT_TRUE(Rang());
  Ask(Nfsd());
  EXPECT_FALSE(Rang());
  EXPECT_TRUE((Next<SigningTerms, ToKeeper>(*keeper_).has_value()));
  EXPECT_TRUE((Next<VerdictTerms, ToVerifier>(*verifier_).has_value()));
}

// What nobody asked for yet must not look like what nobody reads any more.
TEST_F(BellTest, RingsInTheEndForWhatStaysUnread) {
  Ask(Nfsd());
  EXPECT_TRUE(Rang());
  clock_.Advance(ServicePulse::kLookEvery);
  switchboard_.OnTime();
  EXPECT_TRUE(Rang());
}

TEST_F(BellTest, StaysSilentWhereAllIsRead) {
  while (Next<Forget, ToKeeper>(*keeper_) ||
         Next<Forget, ToVerifier>(*verifier_)) {
  }
  EXPECT_TRUE(Rang());
  clock_.Advance(ServicePulse::kLookEvery);
  switchboard_.OnTime();
  EXPECT_FALSE(Rang());
}

}  // namespace
}  // namespace ktlsd::agent
