#include "agent/verifier/chain_memory.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "handshake/testing/peer_trial.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::agent {
namespace {

using handshake::CertificateProfile;
using handshake::Client;
using handshake::CrlSpec;
using handshake::kTestNow;
using handshake::PeerPolicy;
using handshake::PeerProof;
using handshake::Pki;
using handshake::Role;
using handshake::Server;
using handshake::Store;
using handshake::TestCertificate;
using handshake::Trust;
using handshake::TrustStore;

constexpr TrustId kTrust = 3;
constexpr std::chrono::hours kHour(1);

class ChainMemoryTest : public testing::Test {
 protected:
  // The verdict as one word, and whether the path was remembered.
  std::string Judge(const PeerPolicy& policy, const PeerProof& proof,
                    TrustId trust = kTrust, const TrustStore& store = Store()) {
    const auto judged = memory_.Verify(trust, store, policy, proof);
    return handshake::Verdict(judged.result) +
           (judged.source == ChainMemory::Source::kMemory ? ", remembered"
                                                          : "");
  }
  static PeerPolicy At(CalendarTime now) {
    PeerPolicy policy = Server();
    policy.now = now;
    return policy;
  }

  const PeerProof proof_ =
      handshake::Prove(Pki().server, {&Pki().intermediate});
  ChainMemory memory_;
};

TEST_F(ChainMemoryTest, RemembersWhoCameBefore) {
  EXPECT_EQ(Judge(Server(), proof_), "ok");
  EXPECT_EQ(Judge(Server(), proof_), "ok, remembered");
  EXPECT_EQ(memory_.size(), 1U);
}

// --- what is checked of every handshake ---

TEST_F(ChainMemoryTest, ChecksNameAndAddressEachTime) {
  Judge(Server(), proof_);

  EXPECT_EQ(Judge(Server("192.0.2.1"), proof_), "ok, remembered");
  EXPECT_EQ(Judge(Server("other.example"), proof_),
            "certificate_name_mismatch, remembered");
  EXPECT_EQ(Judge(Server("192.0.2.2"), proof_),
            "certificate_name_mismatch, remembered");
}

TEST_F(ChainMemoryTest, ChecksTheSignatureEachTime) {
  Judge(Server(), proof_);
  PeerProof forged = proof_;
  forged.transcript_hash = handshake::HashValue(Bytes(32, 1));

  EXPECT_EQ(Judge(Server(), forged), "bad_certificate_verify, remembered");
}

TEST_F(ChainMemoryTest, ChecksTheResponseEachTime) {
  Judge(Server(), proof_);
  PeerProof stapled = proof_;
  stapled.ocsp_response = Bytes(3, 0);
  PeerPolicy required = Server();
  required.stapling = handshake::Stapling::kRequired;

  EXPECT_EQ(Judge(Server(), stapled), "ocsp_response_invalid, remembered");
  EXPECT_EQ(Judge(required, proof_), "ocsp_response_missing, remembered");
}

// --- the key ---

TEST_F(ChainMemoryTest, IsOfOneStore) {
  Judge(Server(), proof_);
  const auto other = TestCertificate::SelfSigned({.authority = true});

  EXPECT_EQ(Judge(Server(), proof_, kTrust + 1, Trust(other.pem())),
            "certificate_unknown_issuer");
  // The upper half counts too.
  EXPECT_EQ(Judge(Server(), proof_, kTrust + (TrustId{1} << 32)), "ok");
}

TEST_F(ChainMemoryTest, IsOfOneRole) {
  const auto end = Pki().intermediate.Issue(
      {.dns = {"server.example"}, .extended_key_usage = "serverAuth"});
  Judge(Server(), handshake::Prove(end, {&Pki().intermediate}));

  EXPECT_EQ(Judge(Client(),
                  handshake::Prove(end, {&Pki().intermediate}, Role::kClient)),
            "certificate_wrong_purpose");
}

TEST_F(ChainMemoryTest, IsOfOneProfile) {
  Judge(Server(), proof_);
  PeerPolicy rpc = Server();
  rpc.profile = CertificateProfile::kRpcWithTls;

  EXPECT_EQ(Judge(rpc, proof_), "certificate_wrong_purpose");
}

TEST_F(ChainMemoryTest, IsOfEveryByteOfTheChain) {
  Judge(Server(), proof_);
  for (std::size_t i = 0; i < proof_.chain.size(); ++i) {
    PeerProof other = proof_;
    other.chain[i].back() ^= 1;  // of the signature
    EXPECT_EQ(Judge(Server(), other), "certificate_bad_signature") << i;
  }
}

TEST_F(ChainMemoryTest, IsOfTheWholeChain) {
  Judge(Server(), proof_);
  PeerProof shorter = proof_;
  shorter.chain.pop_back();
  PeerProof longer = proof_;
  longer.chain.push_back(Pki().root.der());

  EXPECT_EQ(Judge(Server(), shorter), "certificate_unknown_issuer");
  EXPECT_EQ(Judge(Server(), longer), "ok");
}

// The same bytes, cut at another place.
TEST_F(ChainMemoryTest, KnowsWhereACertificateEnds) {
  Judge(Server(), proof_);
  PeerProof moved = proof_;
  moved.chain[0].push_back(moved.chain[1].front());
  moved.chain[1].erase(moved.chain[1].begin());

  EXPECT_EQ(Judge(Server(), moved), "certificate_malformed");
}

// --- time ---

TEST_F(ChainMemoryTest, EndsWithTheFirstCertificateThatEnds) {
  const auto middle = Pki().root.Issue({.common_name = "i",
                                        .authority = true,
                                        .not_before = kTestNow - kHour,
                                        .not_after = kTestNow + kHour});
  const auto end = middle.Issue({.dns = {"server.example"}});
  const PeerProof proof = handshake::Prove(end, {&middle});
  Judge(Server(), proof);

  EXPECT_EQ(Judge(At(kTestNow + kHour - std::chrono::seconds(1)), proof),
            "ok, remembered");
  EXPECT_EQ(Judge(At(kTestNow + kHour), proof), "certificate_expired");
  EXPECT_EQ(memory_.size(), 0U);
}

// A clock that is set back.
TEST_F(ChainMemoryTest, DoesNotReachBackBeforeTheBegin) {
  const auto end = Pki().intermediate.Issue(
      {.dns = {"server.example"}, .not_before = kTestNow - kHour});
  const PeerProof proof = handshake::Prove(end, {&Pki().intermediate});
  Judge(Server(), proof);

  EXPECT_EQ(Judge(At(kTestNow - kHour), proof), "ok, remembered");
  EXPECT_EQ(Judge(At(kTestNow - kHour - std::chrono::seconds(1)), proof),
            "certificate_not_yet_valid");
}

TEST_F(ChainMemoryTest, EndsWithTheRevocationLists) {
  const TrustStore store =
      Trust(Pki().root.pem(),
            Pki().root.CrlPem({}) +
                Pki().intermediate.CrlPem({.next_update = kTestNow + kHour}));
  Judge(Server(), proof_, kTrust, store);

  EXPECT_EQ(Judge(Server(), proof_, kTrust, store), "ok, remembered");
  EXPECT_EQ(Judge(At(kTestNow + kHour), proof_, kTrust, store),
            "crl_unavailable");
}

// --- only positives ---

TEST_F(ChainMemoryTest, RemembersNoRefusal) {
  EXPECT_EQ(Judge(Server("other.example"), proof_),
            "certificate_name_mismatch");
  EXPECT_EQ(Judge(At(handshake::kTestNotAfter), proof_), "certificate_expired");
  EXPECT_EQ(memory_.size(), 0U);
}

// Whoever saw a chain can show it.
TEST_F(ChainMemoryTest, RemembersNobodyWithoutTheKey) {
  PeerProof copied = proof_;
  copied.signature.back() ^= 1;

  EXPECT_EQ(Judge(Server(), copied), "bad_certificate_verify");
  EXPECT_EQ(memory_.size(), 0U);
}

// --- bounds ---

class SmallMemoryTest : public ChainMemoryTest {
 protected:
  static PeerProof Peer(int number) {
    return handshake::Prove(
        Pki().intermediate.Issue(
            {.common_name = std::to_string(number), .dns = {"server.example"}}),
        {&Pki().intermediate});
  }
  const std::vector<PeerProof> peers_ = {Peer(0), Peer(1), Peer(2)};
};

TEST_F(SmallMemoryTest, DropsWhoDidNotComeForLongest) {
  memory_ = ChainMemory({.entries = 2});
  Judge(Server(), peers_[0]);
  Judge(Server(), peers_[1]);
  Judge(Server(), peers_[0]);
  Judge(Server(), peers_[2]);

  EXPECT_EQ(memory_.size(), 2U);
  EXPECT_EQ(Judge(Server(), peers_[0]), "ok, remembered");
  EXPECT_EQ(Judge(Server(), peers_[2]), "ok, remembered");
  EXPECT_EQ(Judge(Server(), peers_[1]), "ok");
}

TEST_F(SmallMemoryTest, IsBoundedInBytes) {
  Judge(Server(), peers_[0]);
  const std::size_t one = memory_.bytes();
  memory_ = ChainMemory({.bytes = 2 * one + one / 2});
  for (const PeerProof& peer : peers_) {
    Judge(Server(), peer);
  }
  EXPECT_EQ(memory_.size(), 2U);
  EXPECT_LE(memory_.bytes(), 2 * one + one / 2);

  memory_ = ChainMemory({.bytes = one / 2});
  EXPECT_EQ(Judge(Server(), peers_[0]), "ok");
  EXPECT_EQ(memory_.size(), 0U);
}

TEST_F(SmallMemoryTest, ForgetsOneStore) {
  Judge(Server(), peers_[0], 1);
  Judge(Server(), peers_[1], 2);
  Judge(Server(), peers_[2], 1);

  memory_.Forget(1);

  EXPECT_EQ(memory_.size(), 1U);
  EXPECT_EQ(Judge(Server(), peers_[1], 2), "ok, remembered");
  EXPECT_EQ(Judge(Server(), peers_[0], 1), "ok");
}

}  // namespace
}  // namespace ktlsd::agent
