#include "agent/ipc/link.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

namespace ktlsd::agent {
namespace {

class LinkTest : public ::testing::Test {
 protected:
  LinkTest() : LinkTest(MakeLinkPair()) {}

  // Sends `bytes` as no Link would.
  void SendRaw(const std::string& bytes) {
    ASSERT_EQ(::send(a_.socket().raw(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }
  template <typename M>
  static std::string Raw(M message, std::size_t size = sizeof(M)) {
    message.header = {kIpcVersion, M::kType, static_cast<uint32_t>(size)};
    return std::string(reinterpret_cast<const char*>(&message), sizeof(M));
  }
  void ExpectRefused() {
    auto received = b_.Receive<FromWorker>();
    ASSERT_FALSE(received.ok());
    EXPECT_EQ(received.error().code, Code::kApiMisuse);
  }

  Link a_;
  Link b_;

 private:
  explicit LinkTest(Result<std::pair<OwnedFd, OwnedFd>> pair)
      : a_(std::move(pair->first)), b_(std::move(pair->second)) {}
};

JobReport SomeReport() {
  JobReport report;
  report.job = 7;
  report.outcome = Outcome::Success();
  report.what = decltype(report.what)::Of("text");
  return report;
}

TEST_F(LinkTest, CarriesAMessage) {
  ASSERT_TRUE(a_.Send(SomeReport()).ok());
  auto received = b_.Receive<FromWorker>();
  ASSERT_TRUE(received.ok());
  ASSERT_TRUE(received->has_value());
  const auto& report = std::get<JobReport>((*received)->message);
  EXPECT_EQ(report.job, 7U);
  EXPECT_TRUE(report.outcome.ok());
  EXPECT_EQ(report.what.view(), "text");
  EXPECT_TRUE((*received)->payload.empty());
}

TEST_F(LinkTest, HasNothingWhenNothingCame) {
  auto received = b_.Receive<FromWorker>();
  ASSERT_TRUE(received.ok());
  EXPECT_FALSE(received->has_value());
}

// The kernel tells first that something was left unread, once.
TEST_F(LinkTest, HasWhatWasSentBeforeTheEndLeftSomethingUnread) {
  ASSERT_TRUE(b_.Send(EndJob()).ok());
  ASSERT_TRUE(a_.Send(SomeReport()).ok());
  a_ = Link(OwnedFd());
  auto received = b_.Receive<FromWorker>();
  ASSERT_TRUE(received.ok());
  ASSERT_TRUE(received->has_value());
  EXPECT_EQ(std::get<JobReport>((*received)->message).job, 7U);
  received = b_.Receive<FromWorker>();
  ASSERT_FALSE(received.ok());
  EXPECT_EQ(received.error().code, Code::kPeerClosed);
}

JobReport ReportOf(JobId job) {
  JobReport report = SomeReport();
  report.job = job;
  return report;
}

// What Receive has until it has nothing.
std::vector<JobId> AllJobs(Link& link) {
  std::vector<JobId> jobs;
  for (;;) {
    auto received = link.Receive<FromWorker>();
    if (!received.ok() || !received->has_value()) {
      return jobs;
    }
    jobs.push_back(std::get<JobReport>((*received)->message).job);
  }
}

TEST_F(LinkTest, TakesSeveralMessagesAtOnceInTheirOrder) {
  b_.TakeSeveral();
  std::vector<JobId> sent;
  for (JobId job = 1; job <= 2 * Link::kMostAtOnce + 1; ++job) {
    sent.push_back(job);
    ASSERT_TRUE(a_.Send(ReportOf(job)).ok());
  }
  ASSERT_TRUE(b_.Receive<FromWorker>().ok());
  EXPECT_TRUE(b_.taken());
  EXPECT_EQ(AllJobs(b_), std::vector<JobId>(sent.begin() + 1, sent.end()));
  EXPECT_FALSE(b_.taken());
}

// A call to the kernel for each message would find nothing every second time.
TEST_F(LinkTest, BelievesThatNoMoreIsThereWhereLessThanAskedForCame) {
  b_.TakeSeveral();
  ASSERT_TRUE(a_.Send(ReportOf(1)).ok());
  ASSERT_TRUE(b_.Receive<FromWorker>().ok());
  ASSERT_TRUE(a_.Send(ReportOf(2)).ok());
  EXPECT_EQ(AllJobs(b_), std::vector<JobId>{});
  EXPECT_EQ(AllJobs(b_), std::vector<JobId>{2});
}

TEST_F(LinkTest, HasWhatCameBeforeItIsAskedAnew) {
  b_.TakeSeveral();
  ASSERT_TRUE(a_.Send(ReportOf(1)).ok());
  ASSERT_TRUE(b_.Receive<FromWorker>().ok());
  ASSERT_TRUE(a_.Send(ReportOf(2)).ok());
  b_.AskAnew();
  EXPECT_EQ(AllJobs(b_), std::vector<JobId>{2});
}

TEST_F(LinkTest, TellsOfTheEndBehindSeveralMessages) {
  b_.TakeSeveral();
  ASSERT_TRUE(b_.Send(EndJob()).ok());  // is left unread
  ASSERT_TRUE(a_.Send(ReportOf(1)).ok());
  ASSERT_TRUE(a_.Send(ReportOf(2)).ok());
  a_ = Link(OwnedFd());
  EXPECT_EQ(AllJobs(b_), (std::vector<JobId>{1, 2}));
  const auto received = b_.Receive<FromWorker>();
  ASSERT_FALSE(received.ok());
  EXPECT_EQ(received.error().code, Code::kPeerClosed);
}

TEST_F(LinkTest, TakesSeveralMessagesEachWithItsDescriptor) {
  b_.TakeSeveral();
  AddWorker add;
  for (add.worker = 1; add.worker <= 3; ++add.worker) {
    const std::array<BorrowedFd, 1> socket = {a_.socket()};
    ASSERT_TRUE(a_.Send(add, {}, socket).ok());
  }
  for (WorkerId worker = 1; worker <= 3; ++worker) {
    auto received = b_.Receive<ToKeeper>(Descriptors::kTake);
    ASSERT_TRUE(received.ok() && received->has_value());
    EXPECT_EQ(std::get<AddWorker>((*received)->message).worker, worker);
    EXPECT_EQ((*received)->descriptors.size(), 1U);
  }
}

TEST_F(LinkTest, WipesWhatItHasHandedOutOfSeveral) {
  b_.TakeSeveral();
  SignReply reply;
  reply.outcome = Outcome::Success();
  for (reply.job = 1; reply.job <= 2; ++reply.job) {
    ASSERT_TRUE(a_.Send(reply, Bytes(100, 0x5a)).ok());
  }
  auto first = b_.Receive<KeeperToWorker>();
  ASSERT_TRUE(first.ok() && first->has_value());
  b_.Wipe();
  EXPECT_TRUE(SameBytes((*first)->payload, Bytes(100, 0)));
  auto second = b_.Receive<KeeperToWorker>();
  ASSERT_TRUE(second.ok() && second->has_value());
  EXPECT_TRUE(SameBytes((*second)->payload, Bytes(100, 0x5a)));
}

TEST_F(LinkTest, CountsWhatItSent) {
  EXPECT_EQ(a_.sent(), 0U);
  ASSERT_TRUE(a_.Send(SomeReport()).ok());
  ASSERT_TRUE(a_.Send(SomeReport()).ok());
  EXPECT_EQ(a_.sent(), 2U);
  EXPECT_EQ(b_.sent(), 0U);
}

TEST_F(LinkTest, CarriesAPayload) {
  SignReply reply;
  reply.job = 1;
  reply.outcome = Outcome::Success();
  const Bytes signature = {1, 2, 3};
  ASSERT_TRUE(a_.Send(reply, signature).ok());
  auto received = b_.Receive<KeeperToWorker>();
  ASSERT_TRUE(received.ok());
  EXPECT_TRUE(SameBytes((*received)->payload, signature));
}

TEST_F(LinkTest, CarriesADescriptor) {
  AddWorker add;
  add.worker = 3;
  const std::array<BorrowedFd, 1> socket = {a_.socket()};
  ASSERT_TRUE(a_.Send(add, {}, socket).ok());
  auto received = b_.Receive<ToKeeper>(Descriptors::kTake);
  ASSERT_TRUE(received.ok());
  EXPECT_EQ((*received)->descriptors.size(), 1U);
}

TEST_F(LinkTest, RefusesAMessageWithoutItsDescriptor) {
  SendRaw(Raw([] {
    AddWorker add;
    add.worker = 3;
    return add;
  }()));
  auto received = b_.Receive<ToKeeper>(Descriptors::kTake);
  ASSERT_FALSE(received.ok());
  EXPECT_EQ(received.error().code, Code::kApiMisuse);
}

TEST_F(LinkTest, RefusesADescriptorTooMany) {
  AddWorker add;
  add.worker = 3;
  const std::array<BorrowedFd, 2> sockets = {a_.socket(), b_.socket()};
  ASSERT_TRUE(a_.Send(add, {}, sockets).ok());
  auto received = b_.Receive<ToKeeper>(Descriptors::kTake);
  ASSERT_FALSE(received.ok());
  EXPECT_EQ(received.error().code, Code::kApiMisuse);
}

TEST_F(LinkTest, DropsDescriptorsThatNobodyAsksFor) {
  const std::array<BorrowedFd, 1> socket = {a_.socket()};
  ASSERT_TRUE(a_.Send(SomeReport(), {}, socket).ok());
  // The kernel marks such a message MSG_CTRUNC and keeps the descriptor.
  ExpectRefused();
}

TEST_F(LinkTest, TellsThatTheOtherEndIsGone) {
  {
    const Link gone = std::move(a_);
  }
  auto received = b_.Receive<FromWorker>();
  ASSERT_FALSE(received.ok());
  EXPECT_EQ(received.error().code, Code::kPeerClosed);
  EXPECT_EQ(b_.Send(SomeReport()).error().code, Code::kPeerClosed);
}

TEST_F(LinkTest, TellsThatTheQueueIsFull) {
  Status sent = Ok{};
  for (int i = 0; i < 100'000 && sent.ok(); ++i) {
    sent = a_.Send(SomeReport());
  }
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().code, Code::kTooBusy);
}

TEST_F(LinkTest, RefusesEveryCutOfAMessage) {
  const std::string whole = Raw(SomeReport());
  for (std::size_t size = 1; size < whole.size(); ++size) {
    SendRaw(whole.substr(0, size));
    ExpectRefused();
  }
}

TEST_F(LinkTest, RefusesBytesBehindAMessage) {
  SendRaw(Raw(SomeReport(), sizeof(JobReport) + 1) + "x");
  ExpectRefused();
}

TEST_F(LinkTest, RefusesASizeThatIsNotThePackets) {
  SendRaw(Raw(SomeReport(), sizeof(JobReport) - 1));
  ExpectRefused();
  SendRaw(Raw(SomeReport(), sizeof(JobReport) + 1));
  ExpectRefused();
}

TEST_F(LinkTest, RefusesAMessageLargerThanAny) {
  SendRaw(Raw(SomeReport(), kMaxMessageBytes + 1) +
          std::string(kMaxMessageBytes + 1 - sizeof(JobReport), 'x'));
  ExpectRefused();
}

TEST_F(LinkTest, RefusesAnotherVersion) {
  std::string raw = Raw(SomeReport());
  raw[0] = 2;
  SendRaw(raw);
  ExpectRefused();
}

TEST_F(LinkTest, RefusesAMessageForAnotherLink) {
  SendRaw(Raw(SignRequest{}));
  ExpectRefused();
  Verdict verdict;
  verdict.job = 7;
  verdict.transcript_hash.size = 32;
  verdict.outcome = Outcome::Success();
  ASSERT_TRUE(a_.Send(verdict).ok());
  ExpectRefused();
}

template <typename Change>
JobReport Changed(Change change) {
  JobReport report = SomeReport();
  change(report);
  return report;
}

TEST_F(LinkTest, RefusesValuesThatNoWorkerWrites) {
  const JobReport wrong[] = {
      Changed([](JobReport& r) { r.job = 0; }),
      Changed([](JobReport& r) { r.outcome.value = kCodeCount + 1; }),
      Changed([](JobReport& r) { r.outcome = Outcome(); }),
      Changed([](JobReport& r) { r.os_error = -1; }),
      Changed([](JobReport& r) { r.os_error = 4096; }),
      Changed([](JobReport& r) { r.hello_retry = 2; }),
      Changed([](JobReport& r) { r.payload_limit = 0x4001; }),
      Changed([](JobReport& r) { r.what.chars.fill('x'); }),
      Changed([](JobReport& r) { r.what.chars.back() = 'x'; }),
  };
  for (const JobReport& report : wrong) {
    SendRaw(Raw(report));
    ExpectRefused();
  }
}

BinderRequest SomeBinder() {
  BinderRequest request;
  request.job = 7;
  request.hash = WirePskHash::kSha384;
  request.transcript_hash.size = 48;
  return request;
}

PskProofRequest SomeProof() {
  PskProofRequest request;
  request.job = 7;
  request.hash = WirePskHash::kSha384;
  request.transcript_hash.size = 48;
  request.binder.size = 48;
  return request;
}

ChoiceRequest SomeChoice() {
  ChoiceRequest request;
  request.job = 7;
  request.identities = 1;
  request.sha256 = 1;
  return request;
}

SecretRequest SomeSecret() {
  SecretRequest request;
  request.job = 7;
  request.hash = WirePskHash::kSha256;
  return request;
}

template <typename M, typename Change>
std::pair<M, bool> With(M message, Change change) {
  change(message);
  return {message, message.Check()};
}

TEST_F(LinkTest, CarriesWhatAWorkerAsksAboutPsks) {
  ASSERT_TRUE(a_.Send(SomeChoice(), Bytes{0, 1, 'a'}).ok());
  ASSERT_TRUE(a_.Send(SomeBinder()).ok());
  ASSERT_TRUE(a_.Send(SomeProof()).ok());
  ASSERT_TRUE(a_.Send(SomeSecret(), Bytes(kMaxSharedSecretBytes)).ok());
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(b_.Receive<FromWorker>().ok());
  }
  EXPECT_FALSE(a_.Send(SomeSecret(), Bytes(kMaxSharedSecretBytes + 1)).ok());
  EXPECT_FALSE(a_.Send(SomeChoice(), Bytes(kMaxIdentitiesBytes + 1)).ok());
}

TEST_F(LinkTest, RefusesRequestsAboutPsksThatNoWorkerWrites) {
  for (const auto& [wrong, passes] : {
           With(SomeBinder(), [](auto& r) { r.job = 0; }),
           With(SomeBinder(), [](auto& r) { r.index = kMaxJobPsks; }),
           With(SomeBinder(), [](auto& r) { r.hash = WirePskHash::kNone; }),
           With(SomeBinder(), [](auto& r) { r.hash = WirePskHash{3}; }),
           With(SomeBinder(), [](auto& r) { r.transcript_hash.size = 32; }),
           With(SomeBinder(), [](auto& r) { r.hash = WirePskHash::kSha256; }),
       }) {
    EXPECT_FALSE(passes);
    SendRaw(Raw(wrong));
    ExpectRefused();
  }
  for (const auto& [wrong, passes] : {
           With(SomeProof(), [](auto& r) { r.job = 0; }),
           With(SomeProof(), [](auto& r) { r.hash = WirePskHash::kNone; }),
           With(SomeProof(), [](auto& r) { r.transcript_hash.size = 32; }),
           With(SomeProof(), [](auto& r) { r.binder.size = 32; }),
           With(SomeProof(), [](auto& r) { r.binder.size = 255; }),
       }) {
    EXPECT_FALSE(passes);
    SendRaw(Raw(wrong));
    ExpectRefused();
  }
  for (const auto& [wrong, passes] : {
           With(SomeChoice(), [](auto& r) { r.job = 0; }),
           With(SomeChoice(), [](auto& r) { r.identities = 0; }),
           With(SomeChoice(), [](auto& r) { r.identities = 33; }),
           With(SomeChoice(), [](auto& r) { r.sha256 = 0; }),
           With(SomeChoice(), [](auto& r) { r.sha384 = 2; }),
       }) {
    EXPECT_FALSE(passes);
    SendRaw(Raw(wrong));
    ExpectRefused();
  }
  for (const auto& [wrong, passes] : {
           With(SomeSecret(), [](auto& r) { r.job = 0; }),
           With(SomeSecret(), [](auto& r) { r.index = kMaxJobPsks; }),
           With(SomeSecret(), [](auto& r) { r.hash = WirePskHash::kNone; }),
       }) {
    EXPECT_FALSE(passes);
    SendRaw(Raw(wrong));
    ExpectRefused();
  }
}

TEST(LoadTrustMessage, HasABoundedListAndFlags) {
  LoadTrust load;
  load.id = 1;
  load.allowed = kMaxAllowed;
  load.rpc_certificates = 1;
  EXPECT_TRUE(load.Check());
  for (const auto& [wrong, passes] : {
           With(load, [](LoadTrust& l) { l.id = 0; }),
           With(load, [](LoadTrust& l) { l.allowed = kMaxAllowed + 1; }),
           With(load, [](LoadTrust& l) { l.rpc_certificates = 2; }),
       }) {
    EXPECT_FALSE(passes) << wrong.allowed;
  }
}

Job SomePskJob(Side side) {
  Job job;
  job.job = 7;
  job.first_byte_ms = job.progress_ms = job.total_ms = 1;
  job.side = side;
  job.flags = kUsePsk;
  job.suites[0] = 0x1301;
  if (side == Side::kClient) {
    job.psk_hashes = {WirePskHash::kSha384, WirePskHash::kSha256};
  }
  return job;
}

TEST(JobMessage, NamesCredentialsWithoutGapAndNoneTwice) {
  Job job = SomePskJob(Side::kServer);
  job.flags = 0;
  for (const JobCredentials& good :
       {JobCredentials{}, JobCredentials{1}, JobCredentials{2, 1}}) {
    job.credentials = good;
    EXPECT_TRUE(job.Check());
  }
  for (const JobCredentials& bad :
       {JobCredentials{0, 1}, JobCredentials{1, 1}}) {
    job.credentials = bad;
    EXPECT_FALSE(job.Check());
  }
}

TEST(SigningTermsMessage, NamesACredential) {
  SigningTerms terms;
  terms.job = terms.worker = 1;
  EXPECT_FALSE(terms.Check());
  terms.credentials = {1, 1};
  EXPECT_FALSE(terms.Check());
  terms.credentials = {1, 2};
  EXPECT_TRUE(terms.Check());
}

TEST(SignRequestMessage, NamesACredential) {
  SignRequest request;
  request.job = 1;
  request.transcript_hash.size = 32;
  EXPECT_FALSE(request.Check());
  request.credential = 1;
  EXPECT_TRUE(request.Check());
}

TEST(LoadCredentialMessage, HasABoundedSizeAndAFlag) {
  LoadCredential load;
  load.id = 1;
  load.post_quantum = 1;
  EXPECT_TRUE(load.Check());
  load.post_quantum = 2;
  EXPECT_FALSE(load.Check());
}

TEST(JobMessage, RequiresNoProtocolThatItDoesNotOffer) {
  Job job = SomePskJob(Side::kServer);
  job.flags = kOfferSunrpc | kRequireSunrpc;
  EXPECT_TRUE(job.Check());
  job.flags = kRequireSunrpc;
  EXPECT_FALSE(job.Check());
}

// Without room for its first message, which is nobody's lie.
TEST_F(LinkTest, SaysThatItHasNoMemory) {
  ASSERT_TRUE(a_.Send(SomeReport()).ok());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit nothing_more{1, 1};
    ::setrlimit(RLIMIT_AS, &nothing_more);
    const auto received = b_.Receive<FromWorker>();
    ::_exit(!received.ok() && received.error().code == Code::kNoMemory &&
                    !BrokeRules(received.error())
                ? 0
                : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Link, KnowsWhoseDoingAnErrorIs) {
  EXPECT_TRUE(BrokeRules({Code::kApiMisuse, ""}));
  EXPECT_TRUE(BrokeRules({Code::kWorkerMisbehaved, ""}));
  EXPECT_FALSE(BrokeRules({Code::kPeerClosed, ""}));
  EXPECT_FALSE(BrokeRules({Code::kSystemFailed, ""}));
}

TEST(PskJob, HasIdentitiesOfAClientAndNoCertificates) {
  EXPECT_TRUE(SomePskJob(Side::kClient).Check());
  EXPECT_EQ(SomePskJob(Side::kClient).psks(), 2U);
  EXPECT_TRUE(SomePskJob(Side::kServer).Check());
  EXPECT_EQ(SomePskJob(Side::kServer).psks(), 0U);
  const Job client = SomePskJob(Side::kClient);
  for (const auto& [wrong, passes] : {
           With(client, [](Job& j) { j.psk_hashes = {}; }),
           With(client, [](Job& j) { j.psk_hashes[1] = WirePskHash{3}; }),
           With(client, [](Job& j) { j.psk_hashes[3] = WirePskHash::kSha256; }),
           With(client, [](Job& j) { j.credentials = {1}; }),
           With(client, [](Job& j) { j.flags |= kVerifyPeer; }),
           With(client, [](Job& j) { j.flags = 0; }),
           With(client, [](Job& j) { j.flags |= 0x10; }),
           With(client, [](Job& j) { j.side = Side::kServer; }),
           With(SomePskJob(Side::kServer),
                [](Job& j) { j.server_name = Text<kNameSize>::Of("a"); }),
       }) {
    EXPECT_FALSE(passes) << wrong.flags;
  }
}

TEST(Outcome, HoldsEveryCode) {
  for (uint16_t i = 0; i < kCodeCount; ++i) {
    const Outcome outcome = Outcome::Failure(static_cast<Code>(i));
    EXPECT_FALSE(outcome.ok());
    EXPECT_TRUE(outcome.valid());
    EXPECT_EQ(outcome.code(), static_cast<Code>(i));
  }
  EXPECT_FALSE(Outcome().valid());
}

TEST(Text, CutsWhatIsTooLong) {
  EXPECT_EQ(Text<4>::Of("abcdef").view(), "abc");
  EXPECT_EQ(Text<4>::Of(std::string_view("a\0b", 3)).view(), "a");
  EXPECT_TRUE(Text<4>::Of("abcdef").valid());
}

}  // namespace
}  // namespace ktlsd::agent
