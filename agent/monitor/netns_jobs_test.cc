// Requests of other network namespaces: settings, workers and keys of their
// own.
#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/ipc/identities.h"
#include "agent/monitor/testing/world.h"

namespace ktlsd::agent {
namespace {

class NetnsJobsTest : public World {
 protected:
  static constexpr WorkerId kBlueWorker = 11;
  static constexpr WorkerId kBluePskWorker = 13;

  NetnsJobsTest() { desk_.AddKernel(blue_, "blue"); }
  // What is left is answered while there is whom to tell.
  ~NetnsJobsTest() override { desk_.Close(); }

  // The host has settings for both sides, blue for clients only.
  Config ConfigWithBlue() {
    Config config = GoodConfig();
    SideConfig client;
    client.truststore = File("blue-trust");
    config.netns = {{"netns.blues", {"blu*"}, false, {}, client, std::nullopt}};
    return config;
  }
  void StartWithBlue() {
    StartServices();
    resources_.Reload(ConfigWithBlue());
    LoadAll();
    StartWorkers();
  }
  Config ConfigWithBothSidesOfBlue() {
    Config config = ConfigWithBlue();
    config.netns[0].server = config.netns[0].client;
    return config;
  }
  Config ConfigWithKeysOfRequests() {
    Config config = ConfigWithBothSidesOfBlue();
    config.netns[0].request_keys = true;
    return config;
  }
  Config ConfigWithKeyringOfBlue() {
    Config config = ConfigWithBothSidesOfBlue();
    config.netns[0].keyrings = {"blues"};
    return config;
  }
  void StartWith(const Config& config) {
    StartServices();
    resources_.Reload(config);
    LoadAll();
    StartWorkers();
    StartBlueWorkers();
  }
  // With the one certificate that is in the keyrings.
  Request NfsMtlsByKeys() {
    Request request = NfsMtls();
    request.certificate = CertificateSerials{5, 6};
    return request;
  }
  void StartBlueWorkers() {
    switchboard_.AddWorker(kBlueWorker, Pool::kClient,
                           PlayedBy(workers_[kBlueWorker], ends_),
                           "netns.blues");
    switchboard_.AddWorker(kBluePskWorker, Pool::kPsk,
                           PlayedBy(workers_[kBluePskWorker], ends_),
                           "netns.blues");
  }
  void AskInBlue(Request request) {
    blue_.Queue(std::move(request));
    desk_.TakeRequests(JobDesk::Age::kFresh, blue_);
  }
  std::vector<uint32_t> BlueStatuses() const {
    std::vector<uint32_t> statuses;
    for (const auto& answer : blue_.answers()) {
      statuses.push_back(answer.status);
    }
    return statuses;
  }

  FakeHandshakeKernel blue_;
};

using Statuses = std::vector<uint32_t>;

TEST_F(NetnsJobsTest, AreServedByTheirOwnSettingsAndWorkers) {
  StartWithBlue();
  StartBlueWorkers();
  AskInBlue(NfsTls());
  const Job job = TakeJob(kBlueWorker);
  SendVerdict(job.job);
  EXPECT_TRUE(SendReport(kBlueWorker, Report(job.job)).ok());
  EXPECT_EQ(BlueStatuses(), Statuses{0});
  ExpectAnswers({});  // each answer goes where the request came from
  EXPECT_EQ(
      log_.Count("outcome=ok", "netns=blue", "settings=netns.blues.client"), 1);
}

TEST_F(NetnsJobsTest, GoToNoWorkerOfTheHost) {
  StartWithBlue();
  AskInBlue(NfsTls());
  EXPECT_EQ((Next<Job, ToWorker>(*workers_[kClientWorker])), std::nullopt);
  StartBlueWorkers();
  EXPECT_NE(TakeJob(kBlueWorker).job, 0U);
}

TEST_F(NetnsJobsTest, LeaveTheWorkersOfTheHostToIt) {
  StartWithBlue();
  AskInBlue(NfsTls());  // waits for a worker of its own
  Ask(NfsTls());
  EXPECT_NE(TakeJob(kClientWorker).job, 0U);
}

TEST_F(NetnsJobsTest, BorrowNoCertificateOfTheHost) {
  StartWithBlue();
  StartBlueWorkers();
  AskInBlue(NfsMtls());
  Advance(std::chrono::seconds(2));
  EXPECT_EQ(BlueStatuses(), Statuses{EACCES});
  EXPECT_EQ(log_.Count("netns=blue", "no certificate is configured"), 1);
}

TEST_F(NetnsJobsTest, AreRefusedOnASideWithoutSettings) {
  StartWithBlue();
  StartBlueWorkers();
  AskInBlue(Nfsd());
  ASSERT_EQ(blue_.answers().size(), 1U);
  EXPECT_NE(blue_.answers().front().status, 0U);
  EXPECT_EQ(log_.Count("netns=blue", "settings=netns.blues.server"), 1);
}

// Also with keys that the request itself names.
TEST_F(NetnsJobsTest, AreRefusedWithAPskOnASideWithoutSettings) {
  StartWithBlue();
  StartBlueWorkers();
  AskInBlue(NvmeTarget(77));
  ASSERT_EQ(blue_.answers().size(), 1U);
  EXPECT_NE(blue_.answers().front().status, 0U);
  EXPECT_EQ((Next<Job, ToWorker>(*workers_[kBluePskWorker])), std::nullopt);
  EXPECT_EQ(log_.Count("settings=netns.blues.server", "no settings for this"),
            1);
  EXPECT_EQ(log_.Count("event=config_problem"), 0);  // it was meant so
}

TEST_F(NetnsJobsTest, AreRefusedWhereNothingNamesTheNamespace) {
  Start();
  AskInBlue(NfsTls());
  Advance(std::chrono::seconds(2));
  EXPECT_EQ(BlueStatuses(), Statuses{EACCES});
  EXPECT_EQ(log_.Count("no settings are for this network namespace"), 1);
}

TEST_F(NetnsJobsTest, LookForNoPskAmongTheHosts) {
  StartWith(ConfigWithKeysOfRequests());
  AskInBlue(NvmeTarget());
  ASSERT_EQ(blue_.answers().size(), 1U);
  EXPECT_NE(blue_.answers().front().status, 0U);
  EXPECT_EQ(log_.Count("netns=blue", "only keys of its group's keyrings"), 1);
  AskInBlue(NvmeTarget(77));
  EXPECT_NE(TakeJob(kBluePskWorker).job, 0U);
}

// Kernels from 7.2 on give every port of every namespace ".nvme".
TEST_F(NetnsJobsTest, LookForNoPskInAKeyringOfTheHostsThatTheRequestNames) {
  StartWith(ConfigWithKeysOfRequests());
  AskInBlue(NvmeTarget(FakeKeyrings::kNvme));
  EXPECT_EQ(BlueStatuses(), Statuses{EACCES});
  EXPECT_EQ(log_.Count("netns=blue", "a keyring of the host's"), 1)
      << log_.All();
  EXPECT_EQ((Next<Job, ToWorker>(*workers_[kBluePskWorker])), std::nullopt);
  EXPECT_TRUE(keyrings_.listed.empty());
  Ask(NvmeTarget(FakeKeyrings::kNvme));  // the host itself may
  EXPECT_NE(TakeJob(kPskWorker).job, 0U);
}

TEST_F(NetnsJobsTest, LookForPsksInTheKeyringsOfTheirGroup) {
  StartWith(ConfigWithKeyringOfBlue());
  AskInBlue(NvmeTarget(FakeKeyrings::kNvme));
  EXPECT_EQ(log_.Count("netns=blue", "no keyring of the network namespace's"),
            1)
      << log_.All();
  keyrings_.AddPsk(21, "NVMe1R01 host subsystem");
  keyrings_.AddPsk(22, "NVMe1R01 host subsystem", 32, /*keyring=*/200);
  keyrings_.called = {{"blues", 200}};
  for (const std::optional<KeySerial> named :
       {std::optional<KeySerial>(FakeKeyrings::kNvme), {}}) {
    AskInBlue(NvmeTarget(named));
    ChoiceRequest choice;
    choice.job = TakeJob(kBluePskWorker).job;
    choice.identities = 1;
    choice.sha256 = 1;
    Bytes identities;
    const std::string name = "NVMe1R01 host subsystem";
    AppendIdentity(Bytes(name.begin(), name.end()), identities);
    EXPECT_TRUE(workers_[kBluePskWorker]->Send(choice, identities).ok());
    EXPECT_TRUE(switchboard_.ReadWorker(kBluePskWorker).ok());
    EXPECT_EQ(desk_.psks().EvidenceOf(choice.job).serial, 22);
  }
  EXPECT_EQ(keyrings_.listed, (std::vector<KeySerial>{200, 200}));
}

// Whatever it is called: the host may have it by another name.
TEST_F(NetnsJobsTest, LookForNoPskInAKeyringOfTheHostsThatTheirGroupNames) {
  StartWith(ConfigWithKeyringOfBlue());
  keyrings_.called = {{"blues", FakeKeyrings::kNvme}};
  AskInBlue(NvmeTarget());
  EXPECT_EQ(BlueStatuses(), Statuses{EACCES});
}

TEST_F(NetnsJobsTest, BorrowNoKeyOfTheHostByItsSerial) {
  keyrings_.AddPsk(21, "NVMe1R01 host subsystem");
  StartWith(ConfigWithBothSidesOfBlue());
  AskInBlue(NfsMtlsByKeys());
  AskInBlue(NvmeHost({21}));
  AskInBlue(NvmeTarget(77));
  Advance(std::chrono::seconds(2));
  EXPECT_EQ(BlueStatuses().size(), 3U);
  EXPECT_EQ(log_.Count("netns=blue", "no request_keys=true"), 3) << log_.All();
  EXPECT_EQ(keyrings_.read, 0);
  EXPECT_EQ((Next<Job, ToWorker>(*workers_[kBlueWorker])), std::nullopt);
  EXPECT_EQ((Next<LoadCredential, ToKeeper>(*keeper_)), std::nullopt);
}

TEST_F(NetnsJobsTest, UseKeysOfTheirRequestsWhereTheirGroupSaysSo) {
  keyrings_.AddPsk(21, "NVMe1R01 host subsystem");
  StartWith(ConfigWithKeysOfRequests());
  AskInBlue(NfsMtlsByKeys());
  EXPECT_NE(TakeJob(kBlueWorker).job, 0U);
  // The host's keyring, and a key that is named: of a client it is no place to
  // look for one.
  Request host = NvmeHost({21});
  host.keyring = FakeKeyrings::kNvme;
  AskInBlue(std::move(host));
  EXPECT_EQ(TakeJob(kBluePskWorker).psks(), 1U);
}

// --- Before their settings are loaded, and when these are gone ---

TEST_F(NetnsJobsTest, LookForNoPskAmongTheHostsBeforeTheyAreLoaded) {
  StartServices();
  StartWorkers();
  StartBlueWorkers();
  resources_.Reload(ConfigWithKeysOfRequests());
  AskInBlue(NvmeTarget());
  EXPECT_EQ((Next<Job, ToWorker>(*workers_[kPskWorker])), std::nullopt);
  EXPECT_EQ(log_.Count("netns=blue", "only keys of its group's keyrings"), 1);
  AskInBlue(NvmeTarget(77));
  EXPECT_NE(TakeJob(kBluePskWorker).job, 0U);
}

TEST_F(NetnsJobsTest, WaitWhileTheirGroupIsAdded) {
  Start();
  StartBlueWorkers();
  resources_.Reload(ConfigWithBothSidesOfBlue());
  AskInBlue(NfsTls());
  AskInBlue(NvmeTarget());
  Advance(std::chrono::seconds(2));
  EXPECT_EQ(BlueStatuses().size(), 1U) << log_.All();
  EXPECT_EQ(log_.Count("netns=blue", "only keys of its group's keyrings"), 1);
  LoadAll();
  EXPECT_NE(TakeJob(kBlueWorker).job, 0U);
}

TEST_F(NetnsJobsTest, AreNotTheHostsOnceTheirGroupIsGone) {
  StartServices();
  resources_.Reload(ConfigWithKeysOfRequests());
  LoadAll();
  StartWorkers();
  AskInBlue(NvmeTarget(77));  // waits for a worker of its own
  resources_.Reload(GoodConfig());
  LoadAll();
  EXPECT_EQ((Next<Job, ToWorker>(*workers_[kPskWorker])), std::nullopt);
  EXPECT_EQ(BlueStatuses().size(), 1U);
  EXPECT_EQ(log_.Count("netns=blue", "no settings are for this"), 1);
}

TEST_F(NetnsJobsTest, FailAloneWhenTheirKernelDoes) {
  StartWithBlue();
  StartBlueWorkers();
  blue_.FailAccept(1);
  AskInBlue(NfsTls());
  Ask(Nfsd());
  EXPECT_NE(TakeJob(kServerWorker).job, 0U);
  EXPECT_EQ(blue_.waiting(), 1U);
  Advance(AcceptPace::kFirstPause);
  EXPECT_NE(TakeJob(kBlueWorker).job, 0U);
}

TEST_F(NetnsJobsTest, AreKnownUntilTheyAreAnswered) {
  StartWithBlue();
  StartBlueWorkers();
  EXPECT_FALSE(desk_.HasOf(blue_));
  AskInBlue(NfsTls());
  EXPECT_TRUE(desk_.HasOf(blue_));
  desk_.RemoveKernel(blue_);
  const Job job = TakeJob(kBlueWorker);
  EXPECT_TRUE(desk_.HasOf(blue_));
  SendVerdict(job.job);
  EXPECT_TRUE(SendReport(kBlueWorker, Report(job.job)).ok());
  EXPECT_EQ(BlueStatuses(), Statuses{0});
  EXPECT_FALSE(desk_.HasOf(blue_));
  // Nothing more of it is taken.
  AskInBlue(NfsTls());
  EXPECT_EQ(blue_.waiting(), 1U);
}

TEST_F(NetnsJobsTest, AreKnownWhileTheirAnswerIsHeldBack) {
  StartWithBlue();
  StartBlueWorkers();
  AskInBlue(NfsTls());
  // An NFS client would try again at once.
  switchboard_.LoseWorker(kBlueWorker, Code::kWorkerDied, "signal 9");
  EXPECT_EQ(BlueStatuses(), Statuses{});
  EXPECT_TRUE(desk_.HasOf(blue_));
  Advance(std::chrono::seconds(2));
  EXPECT_EQ(BlueStatuses(), Statuses{ETIMEDOUT});
  EXPECT_FALSE(desk_.HasOf(blue_));
}

}  // namespace
}  // namespace ktlsd::agent
