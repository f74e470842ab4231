#include "agent/verifier/verifier.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "agent/ipc/chain.h"
#include "agent/ipc/identities.h"
#include "agent/service/testing/fake_output.h"
#include "agent/service/testing/test_file.h"
#include "base/bytes.h"
#include "base/owned_fd.h"
#include "handshake/credential.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::agent {
namespace {

using handshake::BytesOf;
using handshake::Role;
using handshake::TestCertificate;

constexpr JobId kJob = 7;
constexpr TrustId kTrust = 3;
constexpr WorkerId kWorker = 11;
constexpr WorkerId kOtherWorker = 12;

const handshake::TestPki& Pki() {
  static const handshake::TestPki pki = handshake::MakeTestPki();
  return pki;
}

class TestClock final : public Clock {
 public:
  CalendarTime today = handshake::kTestNow;
  MonotonicTime Now() const override { return {}; }
  CalendarTime Today() const override { return today; }
};

class VerifierTest : public testing::Test {
 protected:
  struct Proof {
    ProofRequest request;
    Bytes payload;
  };

  void FromMonitor(const ToVerifier& message,
                   std::vector<OwnedFd> descriptors = {},
                   ByteView payload = {}) {
    verifier_.HandleMonitorMessage({message, payload, std::move(descriptors)});
  }
  Status FromWorker(const Proof& proof, WorkerId worker = kWorker) {
    return verifier_.HandleWorkerMessage(worker,
                                         {proof.request, proof.payload, {}});
  }

  TrustLoaded Load(const std::vector<std::string>& files, TrustId id = kTrust) {
    LoadTrust load;
    load.id = id;
    std::vector<OwnedFd> descriptors;
    for (const std::string& file : files) {
      descriptors.push_back(TestFile(file));
    }
    FromMonitor(load, std::move(descriptors));
    return output_.TakeNotice<TrustLoaded>();
  }
  // Trusts the root, for the peers in `entries`: a kind and a value each.
  TrustLoaded LoadWithList(const std::vector<std::string>& entries) {
    LoadTrust load;
    load.id = kTrust;
    load.allowed = static_cast<uint16_t>(entries.size());
    Bytes payload;
    for (const std::string& entry : entries) {
      AppendIdentity(BytesOf(entry), payload);
    }
    std::vector<OwnedFd> descriptors;
    descriptors.push_back(TestFile(Pki().root.pem()));
    FromMonitor(load, std::move(descriptors), payload);
    return output_.TakeNotice<TrustLoaded>();
  }
  void LoadRoot() { EXPECT_TRUE(Load({Pki().root.pem()}).outcome.ok()); }

  void Announce(std::string_view name = "server.example", JobId job = kJob) {
    FromMonitor(Terms(name, job));
  }
  static VerdictTerms Terms(std::string_view name, JobId job) {
    VerdictTerms terms;
    terms.job = job;
    terms.trust = kTrust;
    terms.worker = kWorker;
    terms.peer = name.empty() ? Side::kClient : Side::kServer;
    terms.server_name = decltype(terms.server_name)::Of(name);
    return terms;
  }
  void Ended() {
    EndJob end;
    end.job = kJob;
    FromMonitor(end);
  }

  // What an honest worker sends of a peer that shows `end`.
  static Proof ProofOf(const TestCertificate& end, Role role = Role::kServer) {
    const auto credential = handshake::Credential::FromPem(
        BytesOf(Pki().ChainPemOf(end)), BytesOf(end.key_pem()));
    const Bytes hash(32, 0x5a);
    const auto signature = credential->Sign(credential->schemes().front(), role,
                                            handshake::HashValue(hash));
    Proof proof;
    AppendChain(credential->chain(), proof.payload);
    proof.request.job = kJob;
    proof.request.chain_size = static_cast<uint32_t>(proof.payload.size());
    proof.request.certificates =
        static_cast<uint16_t>(credential->chain().size());
    proof.request.scheme = static_cast<uint16_t>(credential->schemes().front());
    proof.request.transcript_hash = WireHash::Of(hash);
    proof.payload.insert(proof.payload.end(), signature->begin(),
                         signature->end());
    return proof;
  }

  // The verdict on `proof`, for the monitor first and then for the worker.
  Verdict VerdictOn(const Proof& proof) {
    EXPECT_TRUE(FromWorker(proof).ok());
    const auto verdict = output_.TakeNotice<Verdict>();
    const auto reply = output_.TakeReply<ProofReply>(kWorker).first;
    EXPECT_TRUE(verdict.Check());
    EXPECT_TRUE(reply.Check());
    EXPECT_EQ(verdict.job, kJob);
    EXPECT_EQ(reply.job, kJob);
    EXPECT_EQ(reply.outcome.value, verdict.outcome.value);
    EXPECT_TRUE(SameBytes(verdict.transcript_hash.view(),
                          proof.request.transcript_hash.view()));
    return verdict;
  }
  void ExpectMisbehaviour(const Status& status, std::string_view what) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, Code::kApiMisuse);
    EXPECT_EQ(status.error().what, what);
    EXPECT_TRUE(output_.said.empty());
  }

  FakeOutput<FromVerifier, VerifierToWorker> output_;
  TestClock clock_;
  Verifier verifier_{output_, clock_};
};

// --- verdicts ---

TEST_F(VerifierTest, AcceptsAServer) {
  LoadRoot();
  Announce();

  const Verdict verdict = VerdictOn(ProofOf(Pki().server));

  EXPECT_TRUE(verdict.outcome.ok());
  EXPECT_EQ(verdict.subject.view(), "CN=Test Server");
  EXPECT_TRUE(verdict.detail.empty());
}

TEST_F(VerifierTest, AcceptsAClient) {
  LoadRoot();
  Announce("");

  EXPECT_TRUE(VerdictOn(ProofOf(Pki().client, Role::kClient)).outcome.ok());
}

TEST_F(VerifierTest, NamesPeerAndReasonOfARefusal) {
  LoadRoot();
  Announce("other.example");

  const Verdict verdict = VerdictOn(ProofOf(Pki().server));

  ASSERT_FALSE(verdict.outcome.ok());
  EXPECT_EQ(verdict.outcome.code(), Code::kCertificateNameMismatch);
  EXPECT_EQ(verdict.subject.view(), "CN=Test Server");
  EXPECT_EQ(verdict.detail.view(),
            "no dNSName of the certificate is the peer's");
}

// The role is the terms': a server's proof is none of a client.
TEST_F(VerifierTest, JudgesInTheRoleOfTheTerms) {
  LoadRoot();
  Announce("");
  EXPECT_EQ(VerdictOn(ProofOf(Pki().server)).outcome.code(),
            Code::kCertificateWrongPurpose);
}

TEST_F(VerifierTest, ReadsTheClockAtEachVerdict) {
  LoadRoot();
  Announce();
  clock_.today = handshake::kTestNotAfter + std::chrono::hours(1);

  EXPECT_EQ(VerdictOn(ProofOf(Pki().server)).outcome.code(),
            Code::kCertificateExpired);
}

TEST_F(VerifierTest, RefusesANameThatIsNone) {
  LoadRoot();
  Announce("127.1");

  EXPECT_EQ(VerdictOn(ProofOf(Pki().server)).outcome.code(), Code::kNoPeerName);
}

TEST_F(VerifierTest, TellsTheWorkerNothingWhenTheMonitorCannotBeTold) {
  LoadRoot();
  Announce();
  output_.notify_error = Error{Code::kPeerClosed, "a link was closed"};

  EXPECT_FALSE(FromWorker(ProofOf(Pki().server)).ok());
  EXPECT_TRUE(output_.said.empty());
}

TEST_F(VerifierTest, AnswersForAJobThatIsNotKnownAnyMore) {
  LoadRoot();
  Announce();
  EndJob end;
  end.job = kJob;
  FromMonitor(end);

  ASSERT_TRUE(FromWorker(ProofOf(Pki().server)).ok());

  const auto reply = output_.TakeReply<ProofReply>(kWorker).first;
  EXPECT_EQ(reply.outcome.code(), Code::kDeadlineTotal);
  EXPECT_TRUE(output_.said.empty());
}

TEST_F(VerifierTest, IsToldWithTermsWhichJobsEnded) {
  LoadRoot();
  Announce("a.example", 1);
  Announce("b.example", 2);
  VerdictTerms terms = Terms("c.example", 3);
  terms.ended = {1, 2, 77};
  FromMonitor(terms);
  EXPECT_EQ(verifier_.job_count(), 1U);
}

TEST_F(VerifierTest, DropsTheJobsOfAWorkerThatWent) {
  LoadRoot();
  Announce("a.example", 1);
  Announce("b.example", 2);

  verifier_.DropWorker(kWorker);

  EXPECT_EQ(verifier_.job_count(), 0U);
}

// --- peers that come back ---

TEST_F(VerifierTest, RemembersAPeer) {
  LoadRoot();
  Announce();
  EXPECT_EQ(VerdictOn(ProofOf(Pki().server)).remembered, 0);
  Ended();
  Announce();

  const Verdict verdict = VerdictOn(ProofOf(Pki().server));

  EXPECT_TRUE(verdict.outcome.ok());
  EXPECT_EQ(verdict.remembered, 1);
  EXPECT_EQ(verdict.subject.view(), "CN=Test Server");
}

TEST_F(VerifierTest, ChecksTheNameOfARememberedPeer) {
  LoadRoot();
  Announce();
  VerdictOn(ProofOf(Pki().server));
  Ended();
  Announce("other.example");

  const Verdict verdict = VerdictOn(ProofOf(Pki().server));

  EXPECT_EQ(verdict.outcome.code(), Code::kCertificateNameMismatch);
  EXPECT_EQ(verdict.remembered, 1);
}

// A renewed store comes under a new id, and the old one's paths go with it.
TEST_F(VerifierTest, RemembersNothingOfAnotherStore) {
  LoadRoot();
  Announce();
  VerdictOn(ProofOf(Pki().server));
  Ended();
  const std::string crls =
      Pki().root.CrlPem({}) +
      Pki().intermediate.CrlPem({.revoked = {&Pki().server}});
  ASSERT_TRUE(Load({Pki().root.pem(), crls}, kTrust + 1).outcome.ok());
  VerdictTerms terms = Terms("server.example", kJob);
  terms.trust = kTrust + 1;
  FromMonitor(terms);

  EXPECT_EQ(VerdictOn(ProofOf(Pki().server)).outcome.code(),
            Code::kCertificateRevoked);
}

TEST_F(VerifierTest, DropsWhatItRemembersWithTheStore) {
  LoadRoot();
  Announce();
  VerdictOn(ProofOf(Pki().server));
  EXPECT_EQ(verifier_.remembered_count(), 1U);
  Forget forget;
  forget.id = kTrust;
  FromMonitor(forget);
  EXPECT_EQ(verifier_.remembered_count(), 1U);  // the job has it still

  Ended();

  EXPECT_EQ(verifier_.remembered_count(), 0U);
}

TEST_F(VerifierTest, DropsWhatItRemembersOfAnIdleStore) {
  LoadRoot();
  Announce();
  VerdictOn(ProofOf(Pki().server));
  Ended();
  EXPECT_EQ(verifier_.remembered_count(), 1U);
  Forget forget;
  forget.id = kTrust;
  FromMonitor(forget);

  EXPECT_EQ(verifier_.remembered_count(), 0U);
}

// --- lists of peers ---

TEST_F(VerifierTest, AcceptsAClientThatIsInTheList) {
  EXPECT_TRUE(LoadWithList({"\1other", "\1client.example"}).outcome.ok());
  Announce("");
  EXPECT_TRUE(VerdictOn(ProofOf(Pki().client, Role::kClient)).outcome.ok());
}

TEST_F(VerifierTest, RefusesAValidClientThatIsNot) {
  EXPECT_TRUE(LoadWithList({"\1other.example", "\5CN=Other"}).outcome.ok());
  for (int i = 0; i < 2; ++i) {  // also when its chain is remembered
    Announce("");
    const Verdict verdict = VerdictOn(ProofOf(Pki().client, Role::kClient));
    ASSERT_FALSE(verdict.outcome.ok());
    EXPECT_EQ(verdict.outcome.code(), Code::kClientNotAllowed);
    EXPECT_EQ(verdict.subject.view(), "CN=Test Client");
    EXPECT_TRUE(verdict.detail.view().starts_with(
        "the certificate is not in the list ("));
    EXPECT_TRUE(verdict.detail.view().ends_with(")"));  // nothing is cut
    EndJob end;
    end.job = kJob;
    FromMonitor(end);
  }
}

// A list says nothing about validity.
TEST_F(VerifierTest, RefusesAnInvalidClientThatIsInTheList) {
  EXPECT_TRUE(LoadWithList({"\1client.example"}).outcome.ok());
  Announce("");
  clock_.today = handshake::kTestNotAfter + std::chrono::hours(1);
  EXPECT_EQ(VerdictOn(ProofOf(Pki().client, Role::kClient)).outcome.code(),
            Code::kCertificateExpired);
}

TEST_F(VerifierTest, LoadsNoTrustWithABrokenList) {
  for (const std::string& broken :
       {std::string("\7x", 2), std::string(), std::string("\0x", 2)}) {
    EXPECT_EQ(LoadWithList({broken}).outcome.code(), Code::kApiMisuse);
    Forget forget;
    forget.id = kTrust;
    FromMonitor(forget);
  }
  LoadTrust load;
  load.id = kTrust;
  load.allowed = 1;  // and none there
  std::vector<OwnedFd> descriptors;
  descriptors.push_back(TestFile(Pki().root.pem()));
  FromMonitor(load, std::move(descriptors));
  EXPECT_EQ(output_.TakeNotice<TrustLoaded>().outcome.code(), Code::kApiMisuse);
}

TEST_F(VerifierTest, TakesOnlyCertificatesForRpcWhereOnlyTheseAre) {
  LoadTrust load;
  load.id = kTrust;
  load.rpc_certificates = 1;
  std::vector<OwnedFd> descriptors;
  descriptors.push_back(TestFile(Pki().root.pem()));
  FromMonitor(load, std::move(descriptors));
  EXPECT_TRUE(output_.TakeNotice<TrustLoaded>().outcome.ok());
  Announce("");
  EXPECT_EQ(VerdictOn(ProofOf(Pki().client, Role::kClient)).outcome.code(),
            Code::kCertificateWrongPurpose);
}

// --- tags ---

TEST_F(VerifierTest, NamesTheTagsOfAPeer) {
  const auto load = [&](uint32_t file, uint32_t files, std::string_view text) {
    LoadTags tags;
    tags.file = file;
    tags.files = files;
    verifier_.HandleMonitorMessage({tags, handshake::BytesOf(text), {}});
  };
  const auto tags_of = [&](std::string_view name) {
    Announce(name);
    const Verdict verdict = VerdictOn(ProofOf(Pki().server));
    Ended();
    return std::string(verdict.tags.view());
  };
  LoadRoot();
  EXPECT_EQ(tags_of("server.example"), "");
  load(0, 2, "filters: {f: {type: x509.tbs.subject, pattern: 'CN=Test *'}}");
  EXPECT_TRUE(output_.said.empty());
  load(1, 2, "tags: {known: {filter: [f]}, other: {not: [f]}}");
  const auto loaded = output_.TakeNotice<TagsLoaded>();
  EXPECT_TRUE(loaded.Check());
  EXPECT_TRUE(loaded.outcome.ok());
  EXPECT_EQ(loaded.tags, 2U);
  EXPECT_EQ(tags_of("server.example"), "known");
  EXPECT_EQ(tags_of("other.example"), "");  // refused: no tag

  // What is wrong changes nothing.
  load(0, 2, "filters: {f: 1}");
  const auto failed = output_.TakeNotice<TagsLoaded>();
  EXPECT_TRUE(failed.Check());
  EXPECT_EQ(failed.outcome.code(), Code::kConfigUnusable);
  EXPECT_EQ(failed.file, 0U);
  EXPECT_FALSE(failed.text.empty());
  load(1, 2, "tags: {}");
  EXPECT_TRUE(output_.said.empty());
  EXPECT_EQ(tags_of("server.example"), "known");

  load(0, 0, "");
  EXPECT_TRUE(output_.TakeNotice<TagsLoaded>().outcome.ok());
  EXPECT_EQ(tags_of("server.example"), "");
}

// --- hostile workers ---

TEST_F(VerifierTest, JudgesAJobOnce) {
  LoadRoot();
  Announce();
  VerdictOn(ProofOf(Pki().server));
  ExpectMisbehaviour(FromWorker(ProofOf(Pki().server)),
                     "asked for a second verdict for one job");

  // Neither after a refusal, nor with other terms, nor for another hash.
  Proof other = ProofOf(Pki().server);
  other.request.transcript_hash = WireHash::Of(Bytes(32, 1));
  Announce("other.example");
  EXPECT_FALSE(FromWorker(other).ok());
}

TEST_F(VerifierTest, RefusesTheJobOfAnotherWorker) {
  LoadRoot();
  Announce();

  ExpectMisbehaviour(FromWorker(ProofOf(Pki().server), kOtherWorker),
                     "asked for the job of another worker");
}

TEST_F(VerifierTest, RefusesSizesThatDoNotFit) {
  LoadRoot();
  Announce();
  const Proof good = ProofOf(Pki().server);

  Proof no_signature = good;
  no_signature.payload.resize(good.request.chain_size);
  EXPECT_FALSE(FromWorker(no_signature).ok());
  Proof cut = good;
  cut.payload.resize(100);
  EXPECT_FALSE(FromWorker(cut).ok());
  Proof long_signature = good;
  long_signature.payload.resize(good.request.chain_size + kMaxSignatureBytes +
                                1);
  EXPECT_FALSE(FromWorker(long_signature).ok());
  for (const int by : {-1, 1}) {
    Proof count = good;
    count.request.certificates =
        static_cast<uint16_t>(count.request.certificates + by);
    EXPECT_FALSE(FromWorker(count).ok());
    Proof size = good;
    size.request.chain_size += static_cast<uint32_t>(by);
    EXPECT_FALSE(FromWorker(size).ok());
  }
  EXPECT_TRUE(output_.said.empty());
}

// --- trust ---

TEST_F(VerifierTest, CountsAnchors) {
  const TrustLoaded loaded =
      Load({Pki().root.pem() + Pki().intermediate.pem()});

  EXPECT_TRUE(loaded.Check());
  ASSERT_TRUE(loaded.outcome.ok());
  EXPECT_EQ(loaded.anchors, 2U);
}

TEST_F(VerifierTest, NamesTheProblemOfATrustStore) {
  const std::string root = Pki().root.pem();

  const TrustLoaded garbage = Load({"garbage"}, 1);
  EXPECT_TRUE(garbage.Check());
  EXPECT_EQ(garbage.outcome.code(), Code::kTrustStoreUnusable);
  EXPECT_FALSE(garbage.text.empty());
  EXPECT_EQ(Load({""}, 2).outcome.code(), Code::kTrustStoreUnusable);
  EXPECT_EQ(Load({root, "garbage"}, 4).outcome.code(), Code::kCrlUnusable);
}

// An empty list must not mean "no list".
TEST_F(VerifierTest, RefusesAnEmptyRevocationList) {
  EXPECT_EQ(Load({Pki().root.pem(), ""}).outcome.code(), Code::kCrlUnusable);
}

TEST_F(VerifierTest, ChecksRevocation) {
  const std::string crls =
      Pki().root.CrlPem({}) +
      Pki().intermediate.CrlPem({.revoked = {&Pki().server}});
  ASSERT_TRUE(Load({Pki().root.pem(), crls}).outcome.ok());
  Announce();

  EXPECT_EQ(VerdictOn(ProofOf(Pki().server)).outcome.code(),
            Code::kCertificateRevoked);
}

TEST_F(VerifierTest, RefusesWithoutAUsableTrustStore) {
  Announce();
  EXPECT_EQ(VerdictOn(ProofOf(Pki().server)).outcome.code(),
            Code::kTrustStoreUnusable);
}

TEST_F(VerifierTest, RefusesWithATrustStoreThatDidNotLoad) {
  Load({Pki().root.pem(), "garbage"});
  Announce();
  EXPECT_EQ(VerdictOn(ProofOf(Pki().server)).outcome.code(),
            Code::kCrlUnusable);
}

TEST_F(VerifierTest, KeepsAForgottenStoreForTheJobsThatHaveIt) {
  LoadRoot();
  Announce();
  Announce();  // twice: counted once
  Forget forget;
  forget.id = kTrust;
  FromMonitor(forget);

  EXPECT_TRUE(VerdictOn(ProofOf(Pki().server)).outcome.ok());
  EndJob end;
  end.job = kJob;
  FromMonitor(end);
  EXPECT_EQ(verifier_.trust_count(), 0U);
}

// --- the peer's certificate, for the monitor ---

TEST_F(VerifierTest, GivesTheCertificateOfAVerifiedPeerWhereItIsWanted) {
  LoadRoot();
  VerdictTerms terms = Terms("server.example", kJob);
  terms.wanted = ChainWanted::kEndEntity;
  FromMonitor(terms);
  ASSERT_TRUE(FromWorker(ProofOf(Pki().server)).ok());
  const auto shown = output_.TakeNotice<PeerChain>();
  EXPECT_EQ(shown.job, kJob);
  EXPECT_EQ(shown.certificates, 1);
  EXPECT_EQ(ParseChain(output_.notice_payload, 1).value(),
            std::vector<Bytes>{Pki().server.der()});
  EXPECT_TRUE(output_.TakeNotice<Verdict>().outcome.ok());
}

TEST_F(VerifierTest, GivesTheWholeChainWhereItIsWanted) {
  LoadRoot();
  VerdictTerms terms = Terms("server.example", kJob);
  terms.wanted = ChainWanted::kAll;
  FromMonitor(terms);
  ASSERT_TRUE(FromWorker(ProofOf(Pki().server)).ok());
  EXPECT_EQ(output_.TakeNotice<PeerChain>().certificates, 2);
  EXPECT_EQ(ParseChain(output_.notice_payload, 2).value(),
            Pki().ChainOf(Pki().server));
}

TEST_F(VerifierTest, GivesNoCertificateOfARefusedPeer) {
  LoadRoot();
  VerdictTerms terms = Terms("other.example", kJob);
  terms.wanted = ChainWanted::kEndEntity;
  FromMonitor(terms);
  ASSERT_TRUE(FromWorker(ProofOf(Pki().server)).ok());
  EXPECT_FALSE(output_.TakeNotice<Verdict>().outcome.ok());
}

TEST_F(VerifierTest, GivesNoCertificateThatNobodyAskedFor) {
  LoadRoot();
  Announce();
  ASSERT_TRUE(FromWorker(ProofOf(Pki().server)).ok());
  EXPECT_TRUE(output_.TakeNotice<Verdict>().outcome.ok());
}

// --- peers of sessions that are up ---

class RecheckTest : public VerifierTest {
 protected:
  Rechecked Ask(const TestCertificate& end,
                std::string_view name = "server.example") {
    Recheck recheck;
    recheck.session = 5;
    recheck.trust = kTrust;
    recheck.peer = name.empty() ? Side::kClient : Side::kServer;
    recheck.server_name = decltype(recheck.server_name)::Of(name);
    Bytes payload;
    AppendChain(Pki().ChainOf(end), payload);
    recheck.certificates = 2;
    FromMonitor(recheck, {}, payload);
    const auto answer = output_.TakeNotice<Rechecked>();
    EXPECT_TRUE(answer.Check());
    EXPECT_EQ(answer.session, 5U);
    EXPECT_EQ(answer.trust, kTrust);
    return answer;
  }
  Code Refused(const TestCertificate& end,
               std::string_view name = "server.example") {
    const Rechecked answer = Ask(end, name);
    EXPECT_FALSE(answer.outcome.ok());
    EXPECT_FALSE(answer.detail.empty());
    return answer.outcome.ok() ? Code::kInternal : answer.outcome.code();
  }
};

TEST_F(RecheckTest, AcceptsUntilTheChainEnds) {
  LoadRoot();
  const Rechecked answer = Ask(Pki().server);
  EXPECT_TRUE(answer.outcome.ok());
  EXPECT_EQ(CalendarTime(std::chrono::seconds(answer.valid_until)),
            handshake::kTestNotAfter);
  EXPECT_TRUE(Ask(Pki().client, "").outcome.ok());
}

TEST_F(RecheckTest, RefusesWhomAHandshakeWouldRefuse) {
  LoadRoot();
  EXPECT_EQ(Refused(Pki().server, "other.example"),
            Code::kCertificateNameMismatch);
  EXPECT_EQ(Refused(Pki().client), Code::kCertificateWrongPurpose);
  clock_.today = handshake::kTestNotAfter + std::chrono::hours(1);
  EXPECT_EQ(Refused(Pki().server), Code::kCertificateExpired);
}

TEST_F(RecheckTest, RefusesWhoWasRevoked) {
  const std::string of_root = Pki().root.CrlPem({});
  const std::string lists =
      of_root + Pki().intermediate.CrlPem({.revoked = {&Pki().server}});
  EXPECT_TRUE(Load({Pki().root.pem(), lists}).outcome.ok());
  EXPECT_EQ(Refused(Pki().server), Code::kCertificateRevoked);
  EXPECT_TRUE(Ask(Pki().client, "").outcome.ok());
}

TEST_F(RecheckTest, RefusesWhoIsNotInTheListAnyMore) {
  LoadWithList(
      {std::string(1, static_cast<char>(AllowedBy::kDns)) + "other.example"});
  EXPECT_EQ(Refused(Pki().client, ""), Code::kClientNotAllowed);
}

TEST_F(RecheckTest, TellsAFaultOfOursFromThePeers) {
  EXPECT_EQ(Refused(Pki().server), Code::kTrustStoreUnusable);
}

}  // namespace
}  // namespace ktlsd::agent
