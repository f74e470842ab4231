#include "agent/keeper/keeper.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "agent/ipc/chain.h"
#include "agent/service/testing/fake_output.h"
#include "agent/service/testing/test_file.h"
#include "base/owned_fd.h"
#include "handshake/peer_verifier.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::agent {
namespace {

using handshake::BytesOf;
using handshake::SignatureScheme;

constexpr JobId kJob = 7;
constexpr CredentialId kCredential = 3;
constexpr WorkerId kWorker = 11;
constexpr WorkerId kOtherWorker = 12;

const handshake::TestPki& Pki() {
  static const handshake::TestPki pki = handshake::MakeTestPki();
  return pki;
}

class KeeperTest : public testing::Test {
 protected:
  void FromMonitor(const ToKeeper& message, ByteView payload = {},
                   std::vector<OwnedFd> descriptors = {}) {
    keeper_.HandleMonitorMessage({message, payload, std::move(descriptors)});
  }
  Status FromWorker(WorkerId worker, const WorkerToKeeper& message) {
    return keeper_.HandleWorkerMessage(worker, {message, {}, {}});
  }

  // Loads the files and returns the monitor's notice.
  CredentialLoaded LoadFiles(std::string_view certificate, std::string_view key,
                             mode_t key_mode = 0600,
                             CredentialId id = kCredential) {
    LoadCredential load;
    load.id = id;
    std::vector<OwnedFd> files;
    files.push_back(TestFile(certificate, 0644));
    files.push_back(TestFile(key, key_mode));
    FromMonitor(load, {}, std::move(files));
    return output_.TakeNotice<CredentialLoaded>();
  }
  CredentialLoaded LoadPostQuantum(std::string_view certificate,
                                   std::string_view key) {
    LoadCredential load;
    load.id = kCredential;
    load.post_quantum = 1;
    std::vector<OwnedFd> files;
    files.push_back(TestFile(certificate, 0644));
    files.push_back(TestFile(key, 0600));
    FromMonitor(load, {}, std::move(files));
    return output_.TakeNotice<CredentialLoaded>();
  }
  void LoadServer() {
    EXPECT_TRUE(
        LoadFiles(Pki().ChainPemOf(Pki().server), Pki().server.key_pem())
            .outcome.ok());
  }
  void Announce(JobId job = kJob, Side signer = Side::kServer,
                CredentialId credential = kCredential) {
    SigningTerms terms;
    terms.job = job;
    terms.credentials = {credential};
    terms.worker = kWorker;
    terms.signer = signer;
    FromMonitor(terms);
  }

  static ChainRequest ForChain(CredentialId credential = kCredential) {
    ChainRequest request;
    request.job = kJob;
    request.credential = credential;
    return request;
  }
  static SignRequest ForSignature(JobId job = kJob) {
    SignRequest request;
    request.job = job;
    request.credential = kCredential;
    request.scheme =
        static_cast<uint16_t>(SignatureScheme::kEcdsaSecp256r1Sha256);
    request.transcript_hash = WireHash::Of(Bytes(32, 0x5a));
    return request;
  }

  // Does `signature` prove the server's certificate in this role?
  static bool Proves(const Bytes& signature, handshake::Role role) {
    const auto store =
        handshake::TrustStore::FromPem(BytesOf(Pki().root.pem()), {});
    const auto any_purpose = Pki().intermediate.Issue(
        {.dns = {"server.example"}, .key_of = &Pki().server});
    handshake::PeerProof proof;
    proof.chain = Pki().ChainOf(any_purpose);
    proof.scheme = SignatureScheme::kEcdsaSecp256r1Sha256;
    proof.transcript_hash = handshake::HashValue(Bytes(32, 0x5a));
    proof.signature = signature;
    const handshake::PeerPolicy policy = {
        role,
        {handshake::ServerName::Parse("server.example").value()},
        handshake::kTestNow};
    return std::holds_alternative<handshake::VerifiedPeer>(
        store->Verify(policy, proof));
  }

  Code RefusedChain() {
    EXPECT_TRUE(FromWorker(kWorker, ForChain()).ok());
    const auto [reply, payload] = output_.TakeReply<ChainReply>(kWorker);
    EXPECT_TRUE(reply.Check());
    EXPECT_TRUE(payload.empty());
    return reply.outcome.ok() ? Code::kInternal : reply.outcome.code();
  }
  Code RefusedSignature() {
    EXPECT_TRUE(FromWorker(kWorker, ForSignature()).ok());
    const auto [reply, payload] = output_.TakeReply<SignReply>(kWorker);
    EXPECT_TRUE(reply.Check());
    EXPECT_TRUE(payload.empty());
    return reply.outcome.ok() ? Code::kInternal : reply.outcome.code();
  }
  void ExpectMisbehaviour(const Status& status, std::string_view what) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, Code::kApiMisuse);
    EXPECT_EQ(status.error().what, what);
    EXPECT_TRUE(output_.said.empty());
  }

  FakeOutput<FromKeeper, KeeperToWorker> output_;
  TokenKeys tokens_;
  Keeper keeper_{output_, tokens_};
};

// --- what an honest worker gets ---

TEST_F(KeeperTest, HandsOutTheChainWithItsSchemes) {
  LoadServer();
  Announce();

  ASSERT_TRUE(FromWorker(kWorker, ForChain()).ok());

  const auto [reply, payload] = output_.TakeReply<ChainReply>(kWorker);
  ASSERT_TRUE(reply.outcome.ok());
  EXPECT_TRUE(reply.Check());
  EXPECT_EQ(reply.job, kJob);
  EXPECT_EQ(reply.credential, kCredential);
  EXPECT_EQ(reply.schemes[0],
            static_cast<uint16_t>(SignatureScheme::kEcdsaSecp256r1Sha256));
  EXPECT_EQ(reply.schemes[1], 0);
  EXPECT_EQ(ParseChain(payload, reply.certificates).value(),
            Pki().ChainOf(Pki().server));
}

TEST_F(KeeperTest, TellsTheMonitorBeforeTheWorkerHasTheSignature) {
  LoadServer();
  Announce();

  ASSERT_TRUE(FromWorker(kWorker, ForSignature()).ok());

  EXPECT_EQ(output_.TakeNotice<Signed>().job, kJob);
  const auto [reply, signature] = output_.TakeReply<SignReply>(kWorker);
  ASSERT_TRUE(reply.outcome.ok());
  EXPECT_TRUE(reply.Check());
  EXPECT_TRUE(Proves(signature, handshake::Role::kServer));
}

TEST_F(KeeperTest, KeepsTheSignatureWhenTheMonitorCannotBeTold) {
  LoadServer();
  Announce();
  output_.notify_error = Error{Code::kPeerClosed, "a link was closed"};

  EXPECT_FALSE(FromWorker(kWorker, ForSignature()).ok());
  EXPECT_TRUE(output_.said.empty());
}

// The role is the terms', whatever the worker would like.
TEST_F(KeeperTest, SignsInTheRoleOfTheTerms) {
  LoadServer();
  Announce(kJob, Side::kClient);

  ASSERT_TRUE(FromWorker(kWorker, ForSignature()).ok());

  output_.TakeNotice<Signed>();
  const auto signature = output_.TakeReply<SignReply>(kWorker).second;
  EXPECT_TRUE(Proves(signature, handshake::Role::kClient));
  EXPECT_FALSE(Proves(signature, handshake::Role::kServer));
}

TEST_F(KeeperTest, AnswersForAJobThatIsNotKnownAnyMore) {
  LoadServer();
  Announce();
  EndJob end;
  end.job = kJob;
  FromMonitor(end);

  EXPECT_EQ(RefusedChain(), Code::kDeadlineTotal);
  EXPECT_EQ(RefusedSignature(), Code::kDeadlineTotal);
}

TEST_F(KeeperTest, IsToldWithTermsWhichJobsEnded) {
  LoadServer();
  Announce(1);
  Announce(2);
  SigningTerms terms;
  terms.job = 3;
  terms.credentials = {kCredential};
  terms.worker = kWorker;
  terms.ended = {1, 2, 77};
  FromMonitor(terms);
  EXPECT_EQ(keeper_.job_count(), 1U);
}

TEST_F(KeeperTest, DropsTheJobsOfAWorkerThatWent) {
  LoadServer();
  Announce(1);
  Announce(2);
  RemoveWorker remove;
  remove.worker = kWorker;
  FromMonitor(remove);

  EXPECT_EQ(keeper_.job_count(), 0U);
}

// --- hostile workers ---

TEST_F(KeeperTest, SignsOnceForAJob) {
  LoadServer();
  Announce();
  ASSERT_TRUE(FromWorker(kWorker, ForSignature()).ok());
  output_.said.clear();

  ExpectMisbehaviour(FromWorker(kWorker, ForSignature()),
                     "asked for a second signature for one job");
}

// The terms of a job cannot be renewed either.
TEST_F(KeeperTest, SignsOnceAlsoWhenTermsAreRepeated) {
  LoadServer();
  Announce();
  ASSERT_TRUE(FromWorker(kWorker, ForSignature()).ok());
  output_.said.clear();
  Announce();

  EXPECT_FALSE(FromWorker(kWorker, ForSignature()).ok());
}

TEST_F(KeeperTest, RefusesTheJobOfAnotherWorker) {
  LoadServer();
  Announce();

  ExpectMisbehaviour(FromWorker(kOtherWorker, ForSignature()),
                     "asked for the job of another worker");
  ExpectMisbehaviour(FromWorker(kOtherWorker, ForChain()),
                     "asked for the job of another worker");
}

TEST_F(KeeperTest, RefusesAnotherCredential) {
  LoadServer();
  LoadFiles(Pki().client.pem(), Pki().client.key_pem(), 0600, 4);
  Announce();

  ExpectMisbehaviour(FromWorker(kWorker, ForChain(4)),
                     "asked for the chain of another credential");
}

TEST_F(KeeperTest, SignsByEitherCredentialOfAJobButOnce) {
  LoadServer();
  LoadFiles(Pki().client.pem(), Pki().client.key_pem(), 0600, 4);
  LoadFiles(Pki().client.pem(), Pki().client.key_pem(), 0600, 5);
  for (const auto& [job, signer] :
       {std::pair{JobId{1}, CredentialId{4}}, {JobId{2}, kCredential}}) {
    SigningTerms terms;
    terms.job = job;
    terms.credentials = {4, kCredential};
    terms.worker = kWorker;
    terms.signer = Side::kServer;
    FromMonitor(terms);
    ChainRequest chain = ForChain(signer);
    chain.job = job;
    ASSERT_TRUE(FromWorker(kWorker, chain).ok());
    EXPECT_TRUE(output_.TakeReply<ChainReply>(kWorker).first.outcome.ok());
    SignRequest request = ForSignature(job);
    request.credential = 5;
    ExpectMisbehaviour(FromWorker(kWorker, request),
                       "asked for a signature by another credential");
    request.credential = signer;
    ASSERT_TRUE(FromWorker(kWorker, request).ok());
    EXPECT_EQ(output_.TakeNotice<Signed>().job, job);
    const auto [reply, signature] = output_.TakeReply<SignReply>(kWorker);
    EXPECT_TRUE(reply.outcome.ok());
    EXPECT_EQ(Proves(signature, handshake::Role::kServer),
              signer == kCredential);
    request.credential = signer == 4 ? kCredential : 4;
    ExpectMisbehaviour(FromWorker(kWorker, request),
                       "asked for a second signature for one job");
  }
}

TEST_F(KeeperTest, KeepsBothCredentialsOfAJobThatAreForgotten) {
  LoadServer();
  LoadFiles(Pki().client.pem(), Pki().client.key_pem(), 0600, 4);
  SigningTerms terms;
  terms.job = kJob;
  terms.credentials = {4, kCredential};
  terms.worker = kWorker;
  FromMonitor(terms);
  for (const CredentialId id : {CredentialId{4}, kCredential}) {
    Forget forget;
    forget.id = id;
    FromMonitor(forget);
  }
  EXPECT_EQ(keeper_.credential_count(), 2U);

  EndJob end;
  end.job = kJob;
  FromMonitor(end);
  EXPECT_EQ(keeper_.credential_count(), 0U);
}

TEST_F(KeeperTest, RefusesASchemeOfAnotherKey) {
  LoadServer();
  Announce();
  SignRequest request = ForSignature();
  for (const int scheme : {0x0804, 0x0401, 0x0203, 0x0000, 0xffff}) {
    request.scheme = static_cast<uint16_t>(scheme);
    ExpectMisbehaviour(FromWorker(kWorker, request),
                       "asked for a scheme that the key does not have");
  }
}

// --- credentials ---

// What is said to be post-quantum is, or is refused with the reason.
TEST_F(KeeperTest, RefusesAPostQuantumCredentialThatIsNone) {
  const CredentialLoaded classic =
      LoadPostQuantum(Pki().ChainPemOf(Pki().server), Pki().server.key_pem());
  EXPECT_EQ(classic.outcome.code(), Code::kPrivateKeyUnusable);
  EXPECT_EQ(classic.text.view(),
            handshake::HasPostQuantumKeys()
                ? "not a post-quantum key: x509.pq. is for ML-DSA"
                : "this libcrypto has no post-quantum keys: ML-DSA came with "
                  "OpenSSL 3.5");
  Announce();
  EXPECT_EQ(RefusedChain(), Code::kPrivateKeyUnusable);
}

// The reason is libcrypto, not that a key "does not parse".
TEST_F(KeeperTest, SaysFirstThatLibcryptoHasNoPostQuantumKeys) {
  const CredentialLoaded broken = LoadPostQuantum("nothing", "nothing");
  ASSERT_FALSE(broken.outcome.ok());
  EXPECT_EQ(broken.text.view().starts_with("this libcrypto has no"),
            !handshake::HasPostQuantumKeys());
}

TEST_F(KeeperTest, LoadsAPostQuantumCredential) {
  if (!handshake::HasPostQuantumKeys()) {
    GTEST_SKIP() << "this libcrypto has no ML-DSA";
  }
  const auto pki = handshake::MakeTestPki(handshake::KeyKind::kMlDsa65);
  const CredentialLoaded loaded =
      LoadPostQuantum(pki.ChainPemOf(pki.server), pki.server.key_pem());
  EXPECT_TRUE(loaded.outcome.ok()) << loaded.text.view();
}

TEST_F(KeeperTest, LoadsDer) {
  Bytes payload = Pki().server.der();
  LoadCredential load;
  load.id = kCredential;
  load.certificate_size = static_cast<uint32_t>(payload.size());
  const Bytes key = Pki().server.key_der();
  payload.insert(payload.end(), key.begin(), key.end());

  FromMonitor(load, payload);
  EXPECT_TRUE(output_.TakeNotice<CredentialLoaded>().outcome.ok());

  Announce();
  EXPECT_TRUE(FromWorker(kWorker, ForSignature()).ok());
}

TEST_F(KeeperTest, NamesTheProblemOfACredential) {
  const auto mismatch =
      LoadFiles(Pki().server.pem(), Pki().client.key_pem(), 0600, 1);
  EXPECT_TRUE(mismatch.Check());
  EXPECT_EQ(mismatch.outcome.code(), Code::kPrivateKeyUnusable);
  EXPECT_EQ(mismatch.text.view(),
            "the private key is not the first certificate's");

  const auto garbage = LoadFiles("garbage", Pki().server.key_pem(), 0600, 2);
  EXPECT_EQ(garbage.outcome.code(), Code::kCertificateUnusable);
  const auto empty = LoadFiles(Pki().server.pem(), "", 0600, 4);
  EXPECT_EQ(empty.outcome.code(), Code::kPrivateKeyUnusable);
  const auto large =
      LoadFiles(Pki().server.pem(), std::string(1U << 16, '\n'), 0600, 5);
  EXPECT_EQ(large.outcome.code(), Code::kPrivateKeyUnusable);
}

TEST_F(KeeperTest, RefusesSizesThatDoNotFit) {
  LoadCredential load;
  load.id = kCredential;
  load.certificate_size = 1000;
  FromMonitor(load, Bytes(10));
  EXPECT_EQ(output_.TakeNotice<CredentialLoaded>().outcome.code(),
            Code::kCertificateUnusable);
}

TEST_F(KeeperTest, RefusesAKeyThatEverybodyCanRead) {
  CredentialId id = 1;
  for (const mode_t mode : {0644, 0604, 0602, 0666, 0601, 0440, 0640, 0660}) {
    const auto loaded =
        LoadFiles(Pki().server.pem(), Pki().server.key_pem(), mode, id++);
    ASSERT_FALSE(loaded.outcome.ok()) << std::oct << mode;
    EXPECT_EQ(loaded.text.view(),
              "the private key's file is accessible to its group or others");
  }
  for (const mode_t mode : {0400, 0600}) {
    EXPECT_TRUE(
        LoadFiles(Pki().server.pem(), Pki().server.key_pem(), mode, id++)
            .outcome.ok())
        << std::oct << mode;
  }
}

TEST_F(KeeperTest, TellsAWorkerWhyItsCredentialIsMissing) {
  Announce();
  EXPECT_EQ(RefusedChain(), Code::kNoCertificateConfigured);
  EXPECT_EQ(RefusedSignature(), Code::kNoCertificateConfigured);

  LoadFiles(Pki().server.pem(), "no key");
  EXPECT_EQ(RefusedChain(), Code::kPrivateKeyUnusable);
  EXPECT_EQ(RefusedSignature(), Code::kPrivateKeyUnusable);
}

TEST_F(KeeperTest, NeverReplacesACredential) {
  LoadServer();

  const auto again = LoadFiles(Pki().client.pem(), Pki().client.key_pem());

  EXPECT_FALSE(again.outcome.ok());
  Announce();
  ASSERT_TRUE(FromWorker(kWorker, ForChain()).ok());
  EXPECT_EQ(output_.TakeReply<ChainReply>(kWorker).first.certificates, 2);
}

TEST_F(KeeperTest, KeepsAForgottenCredentialForTheJobsThatHaveIt) {
  LoadServer();
  Announce();
  Forget forget;
  forget.id = kCredential;
  FromMonitor(forget);

  EXPECT_TRUE(FromWorker(kWorker, ForSignature()).ok());
  EXPECT_EQ(keeper_.credential_count(), 1U);

  EndJob end;
  end.job = kJob;
  FromMonitor(end);
  EXPECT_EQ(keeper_.credential_count(), 0U);
}

TEST_F(KeeperTest, CountsAJobOnceThatIsAnnouncedTwice) {
  LoadServer();
  Announce();
  Announce();
  EndJob end;
  end.job = kJob;
  FromMonitor(end);
  Forget forget;
  forget.id = kCredential;
  FromMonitor(forget);

  EXPECT_EQ(keeper_.credential_count(), 0U);
}

TEST_F(KeeperTest, ForgetsAnUnusedCredentialAtOnce) {
  LoadServer();
  Forget forget;
  forget.id = kCredential;
  FromMonitor(forget);

  EXPECT_EQ(keeper_.credential_count(), 0U);
}

}  // namespace
}  // namespace ktlsd::agent
