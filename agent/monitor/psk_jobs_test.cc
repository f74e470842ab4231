// Jobs with PSKs from the kernel's request to its answer, with a worker that
// the test plays: what it gets, and each thing that it must not.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>

#include "agent/ipc/identities.h"
#include "agent/monitor/testing/world.h"
#include "base/key_access.h"
#include "handshake/psk.h"
#include "handshake/psk_wait.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;
using enum HashAlgorithm;

constexpr std::string_view kName = "NVMe1R02 host subsystem digest";
constexpr std::string_view kName256 = "NVMe1R01 host subsystem digest";
constexpr KeySerial kKey = 21;     // of kName
constexpr KeySerial kKey256 = 22;  // of kName256
constexpr std::size_t kFirst = 0;

Bytes BytesOf(std::string_view text) { return Bytes(text.begin(), text.end()); }

class PskJobsTest : public World {
 protected:
  PskJobsTest() {
    keyrings_.AddPsk(kKey, std::string(kName), 48);
    keyrings_.AddPsk(kKey256, std::string(kName256), 32);
    Start();
  }

  // What the monitor thinks of the worker that asks.
  template <typename M>
  Status Send(const M& request, ByteView payload = {},
              WorkerId worker = kPskWorker) {
    EXPECT_TRUE(workers_[worker]->Send(request, payload).ok());
    return switchboard_.ReadWorker(worker);
  }
  template <typename Reply, typename M>
  Reply AskFor(const M& request, ByteView payload = {}) {
    const Status sent = Send(request, payload);
    EXPECT_TRUE(sent.ok()) << sent.error().what;
    const auto reply = Next<Reply, ToWorker>(*workers_[kPskWorker]);
    EXPECT_TRUE(reply.has_value());
    return reply.value_or(Reply());
  }
  void ExpectMisbehaved(const Status& sent) {
    ASSERT_FALSE(sent.ok());
    EXPECT_EQ(sent.error().code, Code::kWorkerMisbehaved);
  }

  static BinderRequest Binder(JobId job, HashAlgorithm hash = kSha384,
                              std::size_t index = kFirst) {
    BinderRequest request;
    request.job = job;
    request.index = static_cast<uint8_t>(index);
    request.hash = ToWire(hash);
    request.transcript_hash = WireHash::Of(Bytes(HashSize(hash), 3));
    return request;
  }
  // With the binder that a client of `name` sends which has its key.
  static PskProofRequest Proof(JobId job, HashAlgorithm hash = kSha384,
                               std::string_view name = kName) {
    PskProofRequest request;
    request.job = job;
    request.hash = ToWire(hash);
    request.transcript_hash = WireHash::Of(Bytes(HashSize(hash), 3));
    // The key as AddPsk made it.
    const handshake::PskKey key(KeyAccess(), Bytes(HashSize(hash), 7));
    const auto binder = handshake::PskBinder(
        key, {BytesOf(name), hash,
              handshake::HashValue(request.transcript_hash.view())});
    request.binder = WireHash::Of(binder->Reveal(KeyAccess()));
    return request;
  }
  static PskProofRequest WrongProof(JobId job) {
    PskProofRequest request = Proof(job);
    request.binder.bytes.back() ^= 1;
    return request;
  }
  static SecretRequest Secret(JobId job, HashAlgorithm hash = kSha384,
                              std::size_t index = kFirst) {
    SecretRequest request;
    request.job = job;
    request.index = static_cast<uint8_t>(index);
    request.hash = ToWire(hash);
    return request;
  }
  struct Choice {
    ChoiceRequest request;
    Bytes payload;
  };
  static Choice Offer(JobId job, std::initializer_list<std::string_view> names,
                      bool sha384 = true) {
    Choice choice;
    choice.request.job = job;
    choice.request.sha256 = 1;
    choice.request.sha384 = sha384 ? 1 : 0;
    for (const std::string_view name : names) {
      ++choice.request.identities;
      AppendIdentity(BytesOf(name), choice.payload);
    }
    return choice;
  }
  ChoiceReply Choose(const Choice& choice) {
    return AskFor<ChoiceReply>(choice.request, choice.payload);
  }
  const Bytes kEcdhe = Bytes(32, 5);

  // What a worker does for a client's handshake, and its report.
  Status Succeed(JobId job, HashAlgorithm hash = kSha384,
                 std::size_t index = kFirst) {
    AskFor<BinderReply>(Binder(job, hash, index));
    return Conclude(job, hash, index);
  }
  // And for a server's, once it has chosen.
  Status SucceedWith(const PskProofRequest& proof) {
    EXPECT_TRUE(AskFor<PskProofReply>(proof).outcome.ok());
    return Conclude(proof.job, FromWire(proof.hash), kFirst);
  }
  Status Conclude(JobId job, HashAlgorithm hash, std::size_t index) {
    AskFor<SecretReply>(Secret(job, hash, index), kEcdhe);
    JobReport report = Report(job);
    report.suite = hash == kSha384 ? 0x1302 : 0x1301;
    ShowKeys(hash == kSha384 ? 52 : 51);
    return SendReport(kPskWorker, report);
  }
  // Reports the failure `code`.
  void Fail(JobId job, Code code) {
    EXPECT_TRUE(
        SendReport(kPskWorker, Report(job, Outcome::Failure(code))).ok());
  }
  KeySerial RemoteAuth() const {
    return kernel_.answers().back().remote_auth.value_or(0);
  }
};

// --- An NVMe host ---

TEST_F(PskJobsTest, ServeAnNvmeHost) {
  Ask(NvmeHost({kKey, kKey256}));
  const Job job = TakeJob(kPskWorker);
  EXPECT_EQ(job.side, Side::kClient);
  EXPECT_EQ(job.flags, kUsePsk | kRecordSizeLimit);
  EXPECT_EQ(job.credentials[0], 0U);
  EXPECT_EQ(job.suites,
            (std::array<uint16_t, kMaxSuites>{0x1302, 0x1301, 0, 0}));
  ASSERT_EQ(job.psks(), 2U);  // in the request's order
  EXPECT_EQ(job.psk_hashes[0], WirePskHash::kSha384);
  EXPECT_EQ(job.psk_hashes[1], WirePskHash::kSha256);
  EXPECT_EQ(ParseIdentities(payload_, 2).value(),
            (std::vector<Bytes>{BytesOf(kName), BytesOf(kName256)}));

  EXPECT_TRUE(Succeed(job.job).ok());
  ExpectAnswers({0});
  EXPECT_EQ(RemoteAuth(), kKey);
  EXPECT_EQ(log_.Count("outcome=ok side=client consumer=nvme-host",
                       "identity=\"NVMe1R02 host subsystem digest\" key=21",
                       "status=0"),
            1)
      << log_.All();
}

TEST_F(PskJobsTest, ReportTheKeyThatTheServerChose) {
  Ask(NvmeHost({kKey, kKey256}));
  const Job job = TakeJob(kPskWorker);
  AskFor<BinderReply>(Binder(job.job));
  EXPECT_TRUE(Succeed(job.job, kSha256, 1).ok());
  ExpectAnswers({0});
  EXPECT_EQ(RemoteAuth(), kKey256);
}

TEST_F(PskJobsTest, ComputeWithTheKeyOfTheRequest) {
  Ask(NvmeHost({kKey}));
  const Job job = TakeJob(kPskWorker);
  const handshake::PskKey key(KeyAccess(), Bytes(48, 7));  // as AddPsk made it
  const BinderRequest request = Binder(job.job);
  EXPECT_TRUE(AskFor<BinderReply>(request).outcome.ok());
  const auto binder = handshake::PskBinder(
      key, {BytesOf(kName), kSha384,
            handshake::HashValue(request.transcript_hash.view())});
  EXPECT_TRUE(SameBytes(payload_, binder->Reveal(KeyAccess())));
  EXPECT_TRUE(AskFor<SecretReply>(Secret(job.job), kEcdhe).outcome.ok());
  const auto secret = handshake::PskHandshakeSecret(
      key,
      {BytesOf(kName), kSha384, handshake::SharedSecret(KeyAccess(), kEcdhe)});
  EXPECT_TRUE(SameBytes(payload_, secret->Reveal(KeyAccess())));
}

TEST_F(PskJobsTest, NarrowTheSuitesToTheHashesOfTheKeys) {
  Ask(NvmeHost({kKey256}));
  EXPECT_EQ(TakeJob(kPskWorker).suites,
            (std::array<uint16_t, kMaxSuites>{0x1301, 0, 0, 0}));
}

TEST_F(PskJobsTest, LeaveOutKeysThatCannotBeUsed) {
  keyrings_.Spoil(kKey, {Code::kKeyRejected, "revoked", EKEYREVOKED});
  keyrings_.AddPsk(30, std::string(kName256), 32);  // the same identity again
  Ask(NvmeHost({kKey, kKey256, 30}));
  const Job job = TakeJob(kPskWorker);
  ASSERT_EQ(job.psks(), 1U);
  EXPECT_TRUE(Succeed(job.job, kSha256).ok());
  EXPECT_EQ(RemoteAuth(), kKey256);
}

// ENOKEY and EKEYREJECTED end the host's reconnecting.
TEST_F(PskJobsTest, SayWhatIsWrongWithTheOnlyKey) {
  Ask(NvmeHost({99}));
  Ask(NvmeHost({}));
  keyrings_.Spoil(kKey, {Code::kKeyRejected, "expired", EKEYEXPIRED});
  Ask(NvmeHost({kKey}));
  keyrings_.AddPsk(30, "NVMe1R01 host subsystem", 48);
  Ask(NvmeHost({30}));
  keyrings_.AddKey(31, "user", "NVMe1R01 host subsystem", Bytes(32, 1));
  Ask(NvmeHost({31}));
  ExpectAnswers({ENOKEY, ENOKEY, EKEYREJECTED, EKEYREJECTED, EKEYREJECTED});
  EXPECT_EQ(log_.Count("code=key_rejected", "reason=\"expired", "key=21"), 1)
      << log_.All();
  EXPECT_EQ(log_.Count("code=key_rejected", "NVMe identity", "key=30"), 1);
}

TEST_F(PskJobsTest, TakeAKeyThatIsRevokedMeanwhileForTheLocalOne) {
  Ask(NvmeHost({kKey}));
  const Job job = TakeJob(kPskWorker);
  keyrings_.Spoil(kKey, {Code::kKeyRejected, "revoked", EKEYREVOKED});
  EXPECT_EQ(AskFor<BinderReply>(Binder(job.job)).outcome.code(),
            Code::kKeyRejected);
  Fail(job.job, Code::kKeyRejected);
  ExpectAnswers({EKEYREJECTED});
  EXPECT_EQ(log_.Count("reason=\"revoked"), 1) << log_.All();
}

TEST_F(PskJobsTest, EndNoReconnectingForWantOfMemory) {
  keyrings_.FailDescribing(1);
  Ask(NvmeHost({kKey}));
  ExpectAnswers({EIO});
  Ask(NvmeHost({kKey}));
  EXPECT_NE(TakeJob(kPskWorker).job, 0U);
}

// Its question may have been under way when the monitor ended the job.
TEST_F(PskJobsTest, AskOnceAboutAJobThatWasEnded) {
  Ask(NvmeHost({kKey}));
  const Job job = TakeJob(kPskWorker);
  Advance(std::chrono::seconds(20));
  EXPECT_EQ(log_.Count("the worker is late"), 1);
  EXPECT_TRUE(Send(Binder(job.job)).ok());
  ExpectMisbehaved(Send(Binder(job.job)));
  ExpectMisbehaved(Send(Secret(job.job), kEcdhe));
}

// Anybody can send an alert.
TEST_F(PskJobsTest, EndNoReconnectingForWhatThePeerSays) {
  for (const Code code : {Code::kAlertReceived, Code::kNoCommonPsk,
                          Code::kKeyRejected, Code::kKeyUnavailable}) {
    Ask(NvmeHost({kKey}));
    Fail(TakeJob(kPskWorker).job, code);
  }
  ExpectAnswers({EACCES, EACCES, EIO, EIO});
}

TEST_F(PskJobsTest, UnlinkTheKeyringOfARequestAfterItsAnswer) {
  Request request = NvmeHost({kKey});
  request.keyring = FakeKeyrings::kNvme;
  Ask(std::move(request));
  Ask(NvmeTarget(FakeKeyrings::kNvme));
  Fail(TakeJob(kPskWorker).job, Code::kPeerClosed);
  EXPECT_TRUE(keyrings_.unlinked.empty());
  Fail(TakeJob(kPskWorker).job, Code::kPeerClosed);
  EXPECT_EQ(keyrings_.unlinked, std::vector<KeySerial>{FakeKeyrings::kNvme});
}

// --- An NVMe target ---

TEST_F(PskJobsTest, ServeAnNvmeTarget) {
  Ask(NvmeTarget());
  const Job job = TakeJob(kPskWorker);
  EXPECT_EQ(job.side, Side::kServer);
  EXPECT_EQ(job.flags, kUsePsk | kRecordSizeLimit);
  EXPECT_EQ(job.psks(), 0U);
  const ChoiceReply chosen = Choose(Offer(job.job, {"unknown", kName}));
  EXPECT_EQ(chosen.chosen, 1);
  EXPECT_EQ(chosen.index, 1);
  EXPECT_EQ(chosen.hash, WirePskHash::kSha384);
  EXPECT_TRUE(SucceedWith(Proof(job.job)).ok());
  ExpectAnswers({0});
  EXPECT_EQ(RemoteAuth(), kKey);
  EXPECT_EQ(keyrings_.listed, std::vector<KeySerial>{FakeKeyrings::kNvme});
  EXPECT_EQ(log_.Count("outcome=ok side=server consumer=nvme-target",
                       "identity=\"NVMe1R02 host", "key=21"),
            1)
      << log_.All();
}

TEST_F(PskJobsTest, LookOnlyInTheKeyringOfTheRequest) {
  keyrings_.AddPsk(40, "NVMe1R01 other subsystem", 32, /*keyring=*/200);
  Ask(NvmeTarget(200));
  const Job job = TakeJob(kPskWorker);
  const ChoiceReply chosen =
      Choose(Offer(job.job, {kName, "NVMe1R01 other subsystem"}));
  EXPECT_EQ(chosen.index, 1);
  EXPECT_EQ(keyrings_.listed, std::vector<KeySerial>{200});
  EXPECT_TRUE(
      SucceedWith(Proof(job.job, kSha256, "NVMe1R01 other subsystem")).ok());
  EXPECT_EQ(RemoteAuth(), 40);
}

TEST_F(PskJobsTest, LookOnlyAmongTheKeysOfTheRequest) {
  Request request = NvmeTarget();
  request.peer_identities = {kKey256};
  Ask(std::move(request));
  const Job job = TakeJob(kPskWorker);
  EXPECT_EQ(Choose(Offer(job.job, {kName, kName256})).index, 1);
}

TEST_F(PskJobsTest, ChooseForAHashThatThePeerTakes) {
  Ask(NvmeTarget());
  const Job job = TakeJob(kPskWorker);
  const ChoiceReply chosen =
      Choose(Offer(job.job, {kName, kName256}, /*sha384=*/false));
  EXPECT_EQ(chosen.index, 1);
  EXPECT_EQ(chosen.hash, WirePskHash::kSha256);
}

TEST_F(PskJobsTest, TellUnknownIdentitiesFromWrongBindersInTheLog) {
  Ask(NvmeTarget());
  Job job = TakeJob(kPskWorker);
  EXPECT_EQ(Choose(Offer(job.job, {"NVMe1R02 host sub\n\"x"})).chosen, 0);
  Fail(job.job, Code::kUnknownPskIdentity);
  Ask(NvmeTarget());
  job = TakeJob(kPskWorker);
  Choose(Offer(job.job, {kName}));
  EXPECT_EQ(AskFor<PskProofReply>(WrongProof(job.job)).outcome.code(),
            Code::kBadPskBinder);
  EXPECT_TRUE(payload_.empty());
  Fail(job.job, Code::kPeerClosed);  // the monitor knows better
  ExpectAnswers({EACCES, EACCES});
  EXPECT_EQ(log_.Count("outcome=refused code=unknown_psk_identity",
                       "identity=\"NVMe1R02 host sub\\x0a\\\"x\" suite="),
            1)
      << log_.All();
  EXPECT_EQ(log_.Count("outcome=refused code=bad_psk_binder",
                       "identity=\"NVMe1R02 host subsystem digest\" key=21"),
            1)
      << log_.All();
}

TEST_F(PskJobsTest, CapTheIdentityInTheLog) {
  Ask(NvmeTarget());
  const Job job = TakeJob(kPskWorker);
  Choose(Offer(job.job, {std::string(4000, 'a')}));
  Fail(job.job, Code::kUnknownPskIdentity);
  EXPECT_EQ(log_.Count("identity=" + std::string(256, 'a') + " "), 1);
}

TEST_F(PskJobsTest, SayThatTheKeyOfAnIdentityCannotBeUsed) {
  keyrings_.Spoil(kKey, {Code::kKeyRejected, "expired", EKEYEXPIRED});
  Ask(NvmeTarget());
  const Job job = TakeJob(kPskWorker);
  EXPECT_EQ(Choose(Offer(job.job, {kName})).chosen, 0);
  Fail(job.job, Code::kUnknownPskIdentity);  // all that the worker knows
  EXPECT_EQ(log_.Count("code=key_rejected", "reason=\"expired"), 1)
      << log_.All();
}

// --- What success must not come without ---

TEST_F(PskJobsTest, BelieveNoHostWithoutTheSecret) {
  Ask(NvmeHost({kKey}));
  const Job job = TakeJob(kPskWorker);
  AskFor<BinderReply>(Binder(job.job));
  ExpectMisbehaved(SendReport(kPskWorker, Report(job.job)));
  ExpectAnswers({EIO});
}

TEST_F(PskJobsTest, BelieveNoTargetWithoutTheSecret) {
  Ask(NvmeTarget());
  ExpectMisbehaved(SendReport(kPskWorker, Report(TakeJob(kPskWorker).job)));
  ExpectAnswers({EIO});
}

TEST_F(PskJobsTest, BelieveNoSuiteOfAnotherHash) {
  Ask(NvmeHost({kKey, kKey256}));
  const Job job = TakeJob(kPskWorker);
  AskFor<BinderReply>(Binder(job.job));
  AskFor<SecretReply>(Secret(job.job), kEcdhe);
  JobReport report = Report(job.job);
  report.suite = 0x1301;  // allowed, and what the kernel shows
  ShowKeys(51);
  ExpectMisbehaved(SendReport(kPskWorker, report));
  ExpectAnswers({EIO});
}

TEST_F(PskJobsTest, BelieveNoSuccessWithoutKeysInTheKernel) {
  Ask(NvmeHost({kKey}));
  const Job job = TakeJob(kPskWorker);
  AskFor<BinderReply>(Binder(job.job));
  AskFor<SecretReply>(Secret(job.job), kEcdhe);
  ShowKeys(51);
  EXPECT_TRUE(SendReport(kPskWorker, Report(job.job)).ok());
  ExpectAnswers({EACCES});
  EXPECT_EQ(log_.Count("code=offload_not_confirmed"), 1);
}

// Its client never showed that it has the key.
TEST_F(PskJobsTest, BelieveNoClientWhoseBinderIsWrong) {
  Ask(NvmeTarget());
  const Job job = TakeJob(kPskWorker);
  Choose(Offer(job.job, {kName}));
  AskFor<PskProofReply>(WrongProof(job.job));
  ShowKeys(52);  // of the worker's own making
  ExpectMisbehaved(SendReport(kPskWorker, Report(job.job)));
  EXPECT_NE(kernel_.answers().back().status, 0U);
}

TEST_F(PskJobsTest, SayThatTheKeyOfAProofIsGone) {
  Ask(NvmeTarget());
  const Job job = TakeJob(kPskWorker);
  Choose(Offer(job.job, {kName}));
  keyrings_.Spoil(kKey, {Code::kKeyRejected, "revoked", EKEYREVOKED});
  EXPECT_EQ(AskFor<PskProofReply>(Proof(job.job)).outcome.code(),
            Code::kKeyRejected);
  ExpectMisbehaved(Send(Secret(job.job), kEcdhe));
}

// --- Hostile workers ---

TEST_F(PskJobsTest, GiveAHostTwoBindersForEachKey) {
  Ask(NvmeHost({kKey, kKey256}));
  const Job job = TakeJob(kPskWorker);
  for (int hello = 0; hello < 2; ++hello) {
    AskFor<BinderReply>(Binder(job.job));
    AskFor<BinderReply>(Binder(job.job, kSha256, 1));
  }
  ExpectMisbehaved(Send(Binder(job.job)));
  EXPECT_FALSE((Next<BinderReply, ToWorker>(*workers_[kPskWorker])));
}

TEST_F(PskJobsTest, GiveATargetOneChoiceAndOneVerdict) {
  Ask(NvmeTarget());
  const Job job = TakeJob(kPskWorker);
  ExpectMisbehaved(Send(Proof(job.job)));  // of which key?
  const Choice offer = Offer(job.job, {kName});
  Choose(offer);
  ExpectMisbehaved(Send(offer.request, offer.payload));
  AskFor<PskProofReply>(Proof(job.job));
  ExpectMisbehaved(Send(Proof(job.job)));
}

// The worker would show it as its client's.
TEST_F(PskJobsTest, GiveATargetNoBinder) {
  Ask(NvmeTarget());
  const Job job = TakeJob(kPskWorker);
  Choose(Offer(job.job, {kName}));
  const int read = keyrings_.read;
  ExpectMisbehaved(Send(Binder(job.job)));
  EXPECT_FALSE((Next<BinderReply, ToWorker>(*workers_[kPskWorker])));
  EXPECT_EQ(keyrings_.read, read);
}

TEST_F(PskJobsTest, GiveATargetNoSecretBeforeTheBinderIsRight) {
  Ask(NvmeTarget());
  const Job job = TakeJob(kPskWorker);
  Choose(Offer(job.job, {kName}));
  ExpectMisbehaved(Send(Secret(job.job), kEcdhe));
  AskFor<PskProofReply>(WrongProof(job.job));
  ExpectMisbehaved(Send(Secret(job.job), kEcdhe));
  ExpectMisbehaved(Send(Proof(job.job)));  // no second guess
  EXPECT_FALSE((Next<SecretReply, ToWorker>(*workers_[kPskWorker])));
}

TEST_F(PskJobsTest, TakeABinderForItsOwnHelloAndKeyOnly) {
  for (const int wrong : {0, 1, 2}) {
    Ask(NvmeTarget());
    const Job job = TakeJob(kPskWorker);
    Choose(Offer(job.job, {kName}));
    PskProofRequest proof = Proof(job.job);
    if (wrong == 0) {
      proof.transcript_hash = WireHash::Of(Bytes(48, 4));
    } else if (wrong == 1) {
      proof.binder = WireHash::Of(Bytes(48, 0));
    } else {
      ExpectMisbehaved(Send(Proof(job.job, kSha256, kName256)));
      proof.binder.bytes.front() ^= 0x80;
    }
    EXPECT_EQ(AskFor<PskProofReply>(proof).outcome.code(), Code::kBadPskBinder);
    Fail(job.job, Code::kBadPskBinder);
  }
  ExpectAnswers({EACCES, EACCES, EACCES});
}

TEST_F(PskJobsTest, JudgeNoBinderForAHost) {
  Ask(NvmeHost({kKey}));
  ExpectMisbehaved(Send(Proof(TakeJob(kPskWorker).job)));
}

TEST_F(PskJobsTest, GiveOneSecretAndOnlyAfterABinder) {
  Ask(NvmeHost({kKey, kKey256}));
  const Job job = TakeJob(kPskWorker);
  ExpectMisbehaved(Send(Secret(job.job), kEcdhe));
  AskFor<BinderReply>(Binder(job.job));
  ExpectMisbehaved(Send(Secret(job.job)));  // without a key agreement
  AskFor<SecretReply>(Secret(job.job), kEcdhe);
  ExpectMisbehaved(Send(Secret(job.job), kEcdhe));
  ExpectMisbehaved(Send(Binder(job.job)));
  EXPECT_FALSE((Next<SecretReply, ToWorker>(*workers_[kPskWorker])));
}

TEST_F(PskJobsTest, GiveNothingOfAnotherHashOrPlace) {
  Ask(NvmeHost({kKey}));
  const Job job = TakeJob(kPskWorker);
  ExpectMisbehaved(Send(Binder(job.job, kSha256)));
  ExpectMisbehaved(Send(Binder(job.job, kSha384, 1)));
  AskFor<BinderReply>(Binder(job.job));
  ExpectMisbehaved(Send(Secret(job.job, kSha256), kEcdhe));
  ExpectMisbehaved(Send(Secret(job.job, kSha384, 1), kEcdhe));
}

TEST_F(PskJobsTest, ChooseNothingForAHostAndNothingOfAWrongForm) {
  Ask(NvmeHost({kKey}));
  const Choice offer = Offer(TakeJob(kPskWorker).job, {kName});
  ExpectMisbehaved(Send(offer.request, offer.payload));
  Ask(NvmeTarget());
  Choice wrong = Offer(TakeJob(kPskWorker).job, {kName});
  wrong.payload.push_back(0);
  ExpectMisbehaved(Send(wrong.request, wrong.payload));
}

TEST_F(PskJobsTest, GiveNothingOfAnothersJob) {
  Ask(NvmeHost({kKey}));
  const Job job = TakeJob(kPskWorker);
  ExpectMisbehaved(Send(Binder(job.job), {}, kClientWorker));
  ExpectMisbehaved(Send(Binder(99)));
  Ask(NfsTls());
  const Job certificates = TakeJob(kClientWorker);
  ExpectMisbehaved(Send(Binder(certificates.job), {}, kClientWorker));
  EXPECT_EQ(keyrings_.read, 1);  // when the first job began
}

TEST_F(PskJobsTest, GiveNothingOfAJobThatTheMonitorEnded) {
  Ask(NvmeHost({kKey}));
  const Job job = TakeJob(kPskWorker);
  Advance(milliseconds(9'000));
  ExpectAnswers({EIO});
  EXPECT_TRUE(Send(Binder(job.job)).ok());  // it may not know yet
  EXPECT_FALSE((Next<BinderReply, ToWorker>(*workers_[kPskWorker])));
}

TEST_F(PskJobsTest, GoToWorkersThatHaveNothingElse) {
  EXPECT_FALSE((Next<TakeLink, ToWorker>(*workers_[kPskWorker]).has_value()));
  EXPECT_TRUE((Next<TakeLink, ToWorker>(*workers_[kClientWorker])));
  Ask(NvmeHost({kKey}));
  EXPECT_FALSE((Next<Job, ToWorker>(*workers_[kClientWorker])));
  EXPECT_FALSE((Next<Job, ToWorker>(*workers_[kServerWorker])));
  EXPECT_TRUE((Next<Job, ToWorker>(*workers_[kPskWorker])));
}

TEST_F(PskJobsTest, NeedNoKeeperAndNoVerifier) {
  switchboard_.LoseKeeper();
  switchboard_.LoseVerifier();
  Ask(NvmeHost({kKey}));
  EXPECT_TRUE(Succeed(TakeJob(kPskWorker).job).ok());
  ExpectAnswers({0});
}

// Keys without one of NVMe's identities.
TEST_F(PskJobsTest, UseTheHashOfTheConfigurationForOthers) {
  keyrings_.AddPsk(50, "somebody", 48);
  desk_.psks().SetDefaultHash(kSha384);
  Ask(NvmeHost({50}));
  EXPECT_EQ(TakeJob(kPskWorker).psk_hashes[0], WirePskHash::kSha384);
}

}  // namespace
}  // namespace ktlsd::agent
