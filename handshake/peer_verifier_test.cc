#include "handshake/peer_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "handshake/testing/peer_trial.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {
namespace {

using testing::HasSubstr;

// --- what is accepted ---

TEST(PeerVerifier, AcceptsAServerAndNamesIt) {
  const auto result =
      Store().Verify(Server(), Prove(Pki().server, {&Pki().intermediate}));

  ASSERT_EQ(Verdict(result), "ok");
  EXPECT_EQ(std::get<VerifiedPeer>(result).subject, "CN=Test Server");
  EXPECT_EQ(std::get<VerifiedPeer>(result).issuer, "CN=Test Intermediate");
}

TEST(PeerVerifier, AcceptsAClientWithoutAName) {
  EXPECT_EQ(Verdict(Store(), Client(),
                    Prove(Pki().client, {&Pki().intermediate}, Role::kClient)),
            "ok");
}

class EveryUsableKey : public testing::TestWithParam<KeyKind> {};

TEST_P(EveryUsableKey, IsAcceptedAtEachPlaceOfThePath) {
  const auto root = TestCertificate::SelfSigned(
      {.common_name = "r", .key = GetParam(), .authority = true});
  const auto middle =
      root.Issue({.common_name = "i", .key = GetParam(), .authority = true});
  const auto end = middle.Issue({.key = GetParam(), .dns = {"server.example"}});

  EXPECT_EQ(Verdict(Trust(root.pem()), Server(), Prove(end, {&middle})), "ok");
}

INSTANTIATE_TEST_SUITE_P(PeerVerifier, EveryUsableKey,
                         testing::ValuesIn(UsableKeyKinds()));

TEST(PeerVerifier, AcceptsIntermediatesInAnyOrderAmongOthers) {
  const auto second =
      Pki().intermediate.Issue({.common_name = "second", .authority = true});
  const auto end = second.Issue({.dns = {"server.example"}});

  EXPECT_EQ(Verdict(Store(), Server(),
                    Prove(end, {&Pki().root, &Pki().client, &Pki().intermediate,
                                &second, &second})),
            "ok");
}

// RFC 8446 section 4.4.2: "The sender's certificate MUST come in the first
// CertificateEntry in the list."
TEST(PeerVerifier, TakesTheFirstForTheSenders) {
  const auto end = Pki().intermediate.Issue({});
  PeerProof proof = Prove(end, {&Pki().intermediate}, Role::kClient);
  EXPECT_EQ(Verdict(Store(), Client(), proof), "ok");
  proof.chain.insert(proof.chain.begin(), Pki().client.der());
  EXPECT_EQ(Verdict(Store(), Client(), proof), "bad_certificate_verify");
}

TEST(PeerVerifier, AcceptsTheLongestChainAllowed) {
  std::vector<TestCertificate> authorities = {Pki().root};
  Others others;
  for (std::size_t i = 0; i < kMaxChainLength - 1; ++i) {
    authorities.push_back(authorities.back().Issue(
        {.common_name = "ca" + std::to_string(i), .authority = true}));
  }
  for (std::size_t i = 1; i < authorities.size(); ++i) {
    others.push_back(&authorities[i]);
  }
  const auto end = authorities.back().Issue({.dns = {"server.example"}});

  EXPECT_EQ(Verdict(Store(), Server(), Prove(end, others)), "ok");
}

TEST(PeerVerifier, ServesThreadsFromOneStore) {
  const PeerProof proof = Prove(Pki().server, {&Pki().intermediate});
  std::array<std::string, 4> verdicts;
  std::vector<std::thread> threads;
  for (std::string& verdict : verdicts) {
    threads.emplace_back(
        [&verdict, &proof] { verdict = Verdict(Store(), Server(), proof); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(verdicts, testing::Each("ok"));
}

// --- the chain's shape ---

TEST(PeerVerifier, RefusesNoCertificate) {
  EXPECT_EQ(Verdict(Store(), Server(), PeerProof{}), "certificate_required");
}

TEST(PeerVerifier, RefusesAServerWithoutAName) {
  EXPECT_EQ(Verdict(Store(), {Role::kServer, {}, kTestNow},
                    Prove(Pki().server, {&Pki().intermediate})),
            "no_peer_name");
}

TEST(PeerVerifier, RefusesChainsThatAreTooLong) {
  PeerProof proof = Prove(Pki().server, {&Pki().intermediate});
  proof.chain.resize(kMaxChainLength + 1, Pki().intermediate.der());
  EXPECT_EQ(Verdict(Store(), Server(), proof), "certificate_chain_too_long");

  proof.chain = {Pki().server.der(), Bytes(kMaxCertificateMessage, 0)};
  EXPECT_EQ(Verdict(Store(), Server(), proof), "certificate_chain_too_long");
}

TEST(PeerVerifier, RefusesAPathThatTheStoreMakesTooLong) {
  std::vector<TestCertificate> authorities = {Pki().root};
  std::string anchors = Pki().root.pem();
  for (std::size_t i = 0; i < kMaxChainLength; ++i) {
    authorities.push_back(authorities.back().Issue(
        {.common_name = "ca" + std::to_string(i), .authority = true}));
    anchors += authorities.back().pem();
  }
  const auto end = authorities.back().Issue({.dns = {"server.example"}});

  EXPECT_EQ(Verdict(Trust(anchors), Server(), Prove(end, {})),
            "certificate_chain_too_long");
}

TEST(PeerVerifier, RefusesTrailingBytesAndTruncation) {
  const PeerProof good = Prove(Pki().server, {&Pki().intermediate});
  for (const std::size_t i : {0U, 1U}) {
    PeerProof proof = good;
    proof.chain[i].push_back(0);
    EXPECT_EQ(Verdict(Store(), Server(), proof), "certificate_malformed");
    proof.chain[i].resize(good.chain[i].size() - 1);
    EXPECT_EQ(Verdict(Store(), Server(), proof), "certificate_malformed");
    proof.chain[i].clear();
    EXPECT_EQ(Verdict(Store(), Server(), proof), "certificate_malformed");
  }
}

TEST(PeerVerifier, RefusesEveryFlippedByteOfTheEndCertificate) {
  PeerProof proof = Prove(Pki().server, {&Pki().intermediate});
  for (uint8_t& byte : proof.chain[0]) {
    byte ^= 0x01;
    EXPECT_NE(Verdict(Store(), Server(), proof), "ok");
    byte ^= 0x01;
  }
  EXPECT_EQ(Verdict(Store(), Server(), proof), "ok");
}

// --- the path ---

TEST(PeerVerifier, RefusesUnknownIssuers) {
  const TestPki other = MakeTestPki();
  const auto self = TestCertificate::SelfSigned({.dns = {"server.example"}});

  EXPECT_EQ(Verdict(Store(), Server(),
                    Prove(other.server, {&other.intermediate, &other.root})),
            "certificate_unknown_issuer");
  EXPECT_EQ(Verdict(Store(), Server(), Prove(self, {})),
            "certificate_unknown_issuer");
  EXPECT_EQ(Verdict(Store(), Server(), Prove(Pki().server, {})),
            "certificate_unknown_issuer");
}

TEST(PeerVerifier, RefusesPartialChains) {
  EXPECT_EQ(Verdict(Trust(Pki().intermediate.pem()), Server(),
                    Prove(Pki().server, {&Pki().intermediate})),
            "certificate_unknown_issuer");
}

TEST(PeerVerifier, RefusesAWrongSignature) {
  PeerProof proof = Prove(Pki().server, {&Pki().intermediate});
  proof.chain[0].back() ^= 0x01;

  const auto result = Store().Verify(Server(), proof);

  EXPECT_EQ(Verdict(result), "certificate_bad_signature");
  EXPECT_EQ(DetailOf(result),
            "certificate signature failure (depth 0, CN=Test Server)");
}

TEST(PeerVerifier, TakesTheTimeFromThePolicy) {
  PeerPolicy policy = Server();
  const PeerProof proof = Prove(Pki().server, {&Pki().intermediate});

  policy.now = kTestNotBefore - std::chrono::seconds(1);
  EXPECT_EQ(Verdict(Store(), policy, proof), "certificate_not_yet_valid");
  policy.now = kTestNotAfter + std::chrono::seconds(1);
  EXPECT_EQ(Verdict(Store(), policy, proof), "certificate_expired");
  policy.now = kTestNotAfter - std::chrono::seconds(1);
  EXPECT_EQ(Verdict(Store(), policy, proof), "ok");
}

TEST(PeerVerifier, SaysWhichCertificateExpired) {
  const auto result = VerifyServer(
      {.common_name = "old", .not_after = kTestNow - std::chrono::hours(1)});

  EXPECT_EQ(Verdict(result), "certificate_expired");
  EXPECT_EQ(std::get<Refusal>(result).subject, "CN=old");
  EXPECT_EQ(DetailOf(result), "certificate has expired (depth 0, CN=old)");
}

TEST(PeerVerifier, RefusesAnExpiredIntermediate) {
  const auto middle =
      Pki().root.Issue({.common_name = "old",
                        .authority = true,
                        .not_after = kTestNow - std::chrono::hours(1)});
  const auto end = middle.Issue({.dns = {"server.example"}});

  const auto result = Store().Verify(Server(), Prove(end, {&middle}));

  EXPECT_EQ(Verdict(result), "certificate_expired");
  EXPECT_EQ(DetailOf(result), "certificate has expired (depth 1, CN=old)");
}

TEST(PeerVerifier, RefusesAnEndEntityAsIssuer) {
  const auto end = Pki().server.Issue({.dns = {"server.example"}});
  const auto result = Store().Verify(
      Server(), Prove(end, {&Pki().server, &Pki().intermediate}));

  EXPECT_NE(Verdict(result), "ok");
  EXPECT_THAT(DetailOf(result), HasSubstr("depth 1, CN=Test Server"));
}

TEST(PeerVerifier, RefusesAnIssuerThatMayNotSignCertificates) {
  const auto middle = Pki().root.Issue(
      {.common_name = "i", .authority = true, .key_usage = "critical,cRLSign"});
  const auto end = middle.Issue({.dns = {"server.example"}});

  EXPECT_NE(Verdict(Store(), Server(), Prove(end, {&middle})), "ok");
}

TEST(PeerVerifier, KeepsPathLengths) {
  const auto middle = Pki().root.Issue(
      {.common_name = "i", .authority = true, .path_length = 0});
  const auto second =
      middle.Issue({.common_name = "second", .authority = true});
  const auto end = second.Issue({.dns = {"server.example"}});

  EXPECT_EQ(Verdict(Store(), Server(), Prove(end, {&middle, &second})),
            "certificate_invalid");
}

TEST(PeerVerifier, RefusesUnknownCriticalExtensions) {
  const auto result =
      VerifyServer({.extensions = {{"1.2.3.4.5", "critical,DER:0500"}}});

  EXPECT_EQ(Verdict(result), "certificate_invalid");
  EXPECT_THAT(DetailOf(result), HasSubstr("unhandled critical extension"));
}

TEST(PeerVerifier, IsStrict) {
  EXPECT_EQ(Verdict(VerifyServer({.key_identifiers = false})),
            "certificate_invalid");
}

// RFC 8446 sections 4.4.2.2 and 4.4.2.3: "The certificate type MUST be
// X.509v3". One without extensions is all that libcrypto could object to.
TEST(PeerVerifier, WantsVersion3) {
  for (const long version : {1L, 2L, 3L}) {
    const auto end = Pki().intermediate.Issue({.version = version});
    EXPECT_EQ(Verdict(Store(), Client(),
                      Prove(end, {&Pki().intermediate}, Role::kClient)),
              version == 3 ? "ok" : "certificate_invalid");
  }
}

// --- strength ---

TEST(PeerVerifier, RefusesShortKeysAnywhere) {
  const auto root = TestCertificate::SelfSigned(
      {.common_name = "r", .key = KeyKind::kRsa1024, .authority = true});
  const auto under_weak_root = root.Issue({.dns = {"server.example"}});
  const auto middle = Pki().root.Issue(
      {.common_name = "i", .key = KeyKind::kRsa1024, .authority = true});
  const auto under_weak_middle = middle.Issue({.dns = {"server.example"}});

  EXPECT_EQ(Verdict(VerifyServer({.key = KeyKind::kRsa1024})),
            "certificate_weak_key");
  EXPECT_EQ(Verdict(Trust(root.pem()), Server(), Prove(under_weak_root, {})),
            "certificate_weak_key");
  EXPECT_EQ(Verdict(Store(), Server(), Prove(under_weak_middle, {&middle})),
            "certificate_weak_key");
}

TEST(PeerVerifier, RefusesOldDigests) {
  const auto root = TestCertificate::SelfSigned(
      {.common_name = "r", .key = KeyKind::kRsa2048, .authority = true});
  const TrustStore store = Trust(root.pem());
  for (const std::string digest : {"SHA1", "MD5"}) {
    const auto middle =
        root.Issue({.common_name = "i", .authority = true, .digest = digest});
    const auto end = middle.Issue({.dns = {"server.example"}});
    const auto direct =
        root.Issue({.dns = {"server.example"}, .digest = digest});

    EXPECT_EQ(Verdict(store, Server(), Prove(direct, {})),
              "certificate_bad_signature");
    EXPECT_EQ(Verdict(store, Server(), Prove(end, {&middle})),
              "certificate_bad_signature");
  }
}

// An anchor's own signature proves nothing, so its digest does not matter.
TEST(PeerVerifier, AcceptsAnOldDigestOnTheAnchor) {
  const auto root = TestCertificate::SelfSigned(
      {.common_name = "r", .authority = true, .digest = "SHA1"});
  const auto end = root.Issue({.dns = {"server.example"}});

  EXPECT_EQ(Verdict(Trust(root.pem()), Server(), Prove(end, {})), "ok");
}

}  // namespace
}  // namespace ktlsd::handshake
