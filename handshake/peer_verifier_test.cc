#include "handshake/peer_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <ctime>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "handshake/crypto/signature.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {
namespace {

using testing::HasSubstr;
using Others = std::vector<const TestCertificate*>;

TrustStore Trust(const std::string& anchors, const std::string& crls = "") {
  auto store = TrustStore::FromPem(BytesOf(anchors), BytesOf(crls));
  EXPECT_TRUE(store.ok());
  return std::move(store).value();
}

HashValue TranscriptHash() { return HashValue(Bytes(32, 0x5a)); }

PeerPolicy Server(std::string_view name = "server.example") {
  auto parsed = ServerName::Parse(name);
  EXPECT_TRUE(parsed.ok()) << name;
  return {Role::kServer, {std::move(parsed).value()}, kTestNow};
}

PeerPolicy Client() { return {Role::kClient, {}, kTestNow}; }

// What an honest `end` sends, with `others` behind it.
PeerProof Prove(const TestCertificate& end, const Others& others,
                Role role = Role::kServer) {
  PeerProof proof;
  proof.chain.push_back(end.der());
  for (const TestCertificate* other : others) {
    proof.chain.push_back(other->der());
  }
  proof.transcript_hash = TranscriptHash();
  const auto schemes = SchemesOfKey(end.key());
  if (!schemes.empty()) {
    proof.scheme = schemes.front();
    auto signature = SignCertificateVerify(end.key(), proof.scheme, role,
                                           proof.transcript_hash);
    EXPECT_TRUE(signature.ok());
    proof.signature = std::move(signature).value();
  }
  return proof;
}

using VerifyResult = std::variant<VerifiedPeer, Refusal>;

// "ok", or the label of the refusal's code.
std::string Verdict(const VerifyResult& result) {
  if (const auto* const refusal = std::get_if<Refusal>(&result)) {
    return std::string(Describe(refusal->error.code).label);
  }
  return "ok";
}

std::string Verdict(const TrustStore& store, const PeerPolicy& policy,
                    const PeerProof& proof) {
  return Verdict(store.Verify(policy, proof));
}

std::string DetailOf(const VerifyResult& result) {
  const auto* const refusal = std::get_if<Refusal>(&result);
  return refusal != nullptr ? refusal->detail : "";
}

// One PKI for all tests; each issues from it what it needs.
const TestPki& Pki() {
  static const TestPki pki = MakeTestPki();
  return pki;
}

const TrustStore& Store() {
  static const TrustStore store = Trust(Pki().root.pem());
  return store;
}

// Verifies a server certificate of this `spec`, issued by the intermediate.
VerifyResult VerifyServer(CertificateSpec spec,
                          const PeerPolicy& policy = Server()) {
  if (spec.dns.empty() && spec.ip.empty()) {
    spec.dns = {"server.example"};
  }
  const TestCertificate end = Pki().intermediate.Issue(spec);
  return Store().Verify(policy, Prove(end, {&Pki().intermediate}));
}

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
                         testing::Values(KeyKind::kEcdsaP256,
                                         KeyKind::kEcdsaP384, KeyKind::kRsa2048,
                                         KeyKind::kRsaPss2048,
                                         KeyKind::kEd25519));

TEST(PeerVerifier, AcceptsIntermediatesInAnyOrderAmongOthers) {
  const auto second =
      Pki().intermediate.Issue({.common_name = "second", .authority = true});
  const auto end = second.Issue({.dns = {"server.example"}});

  EXPECT_EQ(Verdict(Store(), Server(),
                    Prove(end, {&Pki().root, &Pki().client, &Pki().intermediate,
                                &second, &second})),
            "ok");
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

// No certificate of such a chain is even parsed.
TEST(PeerVerifier, RefusesAHundredCertificatesAtOnce) {
  PeerProof proof = Prove(Pki().server, {});
  proof.chain.resize(100, Pki().intermediate.der());
  const std::clock_t start = std::clock();

  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(Verdict(Store(), Server(), proof), "certificate_chain_too_long");
  }
  EXPECT_LT(std::clock() - start, CLOCKS_PER_SEC);
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

// --- purpose and key usage ---

std::string ServerWithUsage(const std::string& usage) {
  return Verdict(VerifyServer({.extended_key_usage = usage}));
}

TEST(PeerVerifier, ChecksThePurposeOfServers) {
  EXPECT_EQ(ServerWithUsage(""), "ok");
  EXPECT_EQ(ServerWithUsage("serverAuth"), "ok");
  EXPECT_EQ(ServerWithUsage("clientAuth,serverAuth"), "ok");
  EXPECT_EQ(ServerWithUsage("clientAuth"), "certificate_wrong_purpose");
  EXPECT_EQ(ServerWithUsage("emailProtection"), "certificate_wrong_purpose");
}

TEST(PeerVerifier, ChecksThePurposeOfClients) {
  const auto verdict = [](const std::string& usage) {
    const auto end = Pki().intermediate.Issue({.extended_key_usage = usage});
    return Verdict(Store(), Client(),
                   Prove(end, {&Pki().intermediate}, Role::kClient));
  };
  EXPECT_EQ(verdict(""), "ok");
  EXPECT_EQ(verdict("clientAuth"), "ok");
  EXPECT_EQ(verdict("1.3.6.1.5.5.7.3.33"), "ok");
  EXPECT_EQ(verdict("serverAuth"), "certificate_wrong_purpose");
  EXPECT_EQ(verdict("1.3.6.1.5.5.7.3.34"), "certificate_wrong_purpose");
}

// RFC 9289 section 5.2.1: id-kp-rpcTLSClient is 33, id-kp-rpcTLSServer is 34.
TEST(PeerVerifier, KnowsThePurposesOfRpcWithTls) {
  EXPECT_EQ(ServerWithUsage("1.3.6.1.5.5.7.3.34"), "ok");
  EXPECT_EQ(ServerWithUsage("1.3.6.1.5.5.7.3.33"), "certificate_wrong_purpose");
}

TEST(PeerVerifier, TakesAnyPurposeFromAuthoritiesOnly) {
  const auto under = [](const std::string& usage) {
    const auto middle = Pki().root.Issue(
        {.common_name = "i", .authority = true, .extended_key_usage = usage});
    const auto end = middle.Issue({.dns = {"server.example"}});
    return Verdict(Store(), Server(), Prove(end, {&middle}));
  };
  EXPECT_EQ(ServerWithUsage("anyExtendedKeyUsage"),
            "certificate_wrong_purpose");
  EXPECT_EQ(under("anyExtendedKeyUsage"), "ok");
  EXPECT_EQ(under("serverAuth"), "ok");
  EXPECT_EQ(under("clientAuth"), "certificate_wrong_purpose");
}

// RFC 8446 section 4.4.2.2: "If present, the Key Usage extension MUST..."
TEST(PeerVerifier, WantsAKeyThatMaySign) {
  EXPECT_EQ(Verdict(VerifyServer({.key_usage = ""})), "ok");
  EXPECT_EQ(
      Verdict(VerifyServer({.key_usage = "digitalSignature,keyEncipherment"})),
      "ok");
  EXPECT_EQ(Verdict(VerifyServer({.key_usage = "critical,keyEncipherment"})),
            "certificate_key_usage");
  EXPECT_EQ(Verdict(VerifyServer({.key_usage = "keyAgreement"})),
            "certificate_key_usage");
}

// --- names ---

std::string WithNames(const std::vector<std::string>& dns,
                      const std::vector<std::string>& ip,
                      std::string_view asked_for) {
  return Verdict(VerifyServer({.dns = dns, .ip = ip}, Server(asked_for)));
}
constexpr const char* kMismatch = "certificate_name_mismatch";

TEST(PeerVerifier, MatchesDnsNames) {
  EXPECT_EQ(WithNames({"server.example"}, {}, "SERVER.example."), "ok");
  EXPECT_EQ(WithNames({"a.example", "Server.Example"}, {}, "server.example"),
            "ok");
  EXPECT_EQ(WithNames({"server.example"}, {}, "other.example"), kMismatch);
  EXPECT_EQ(WithNames({"server.example"}, {}, "example"), kMismatch);
  EXPECT_EQ(WithNames({"server.example"}, {}, "a.server.example"), kMismatch);
}

TEST(PeerVerifier, NeverLooksAtTheCommonName) {
  const auto end = Pki().intermediate.Issue({.common_name = "server.example"});

  EXPECT_EQ(Verdict(Store(), Server(), Prove(end, {&Pki().intermediate})),
            kMismatch);
  EXPECT_EQ(Verdict(VerifyServer(
                {.common_name = "192.0.2.1", .dns = {"other.example"}},
                Server("192.0.2.1"))),
            kMismatch);
}

// RFC 9525 section 6.3.
TEST(PeerVerifier, TakesAWildcardForOneLeftmostLabel) {
  EXPECT_EQ(WithNames({"*.nfs.example"}, {}, "a.nfs.example"), "ok");
  EXPECT_EQ(WithNames({"*.nfs.example"}, {}, "nfs.example"), kMismatch);
  EXPECT_EQ(WithNames({"*.nfs.example"}, {}, "a.b.nfs.example"), kMismatch);
  EXPECT_EQ(WithNames({"a*.nfs.example"}, {}, "ab.nfs.example"), kMismatch);
  EXPECT_EQ(WithNames({"*a.nfs.example"}, {}, "ba.nfs.example"), kMismatch);
  EXPECT_EQ(WithNames({"a.*.example"}, {}, "a.nfs.example"), kMismatch);
  EXPECT_EQ(WithNames({"*.example"}, {}, "nfs.example"), kMismatch);
  EXPECT_EQ(WithNames({"*"}, {}, "nfs"), kMismatch);
}

// RFC 9289 section 5.2.1.
TEST(PeerVerifier, TakesNoWildcardWhenThePolicySaysSo) {
  PeerPolicy policy = Server("a.nfs.example");
  policy.wildcards = Wildcards::kRefused;

  EXPECT_EQ(Verdict(VerifyServer({.dns = {"*.nfs.example"}}, policy)),
            kMismatch);
  EXPECT_EQ(Verdict(VerifyServer({.dns = {"a.nfs.example"}}, policy)), "ok");
}

TEST(PeerVerifier, MatchesAddressesByTheirBytes) {
  EXPECT_EQ(WithNames({}, {"192.0.2.1"}, "192.0.2.1"), "ok");
  EXPECT_EQ(WithNames({}, {"192.0.2.1"}, "192.0.2.2"), kMismatch);
  EXPECT_EQ(WithNames({}, {"2001:db8::1"}, "2001:db8::1"), "ok");
  EXPECT_EQ(WithNames({}, {"2001:db8::1"}, "[2001:db8:0::1]"), "ok");
  EXPECT_EQ(WithNames({}, {"fe80::1"}, "fe80::1%eth0"), "ok");
  EXPECT_EQ(WithNames({}, {"2001:db8::1"}, "2001:db8::2"), kMismatch);
  EXPECT_EQ(WithNames({}, {"2001:db8::1"}, "192.0.2.1"), kMismatch);
  EXPECT_EQ(WithNames({}, {"127.0.0.1"}, "::1"), kMismatch);
}

TEST(PeerVerifier, TakesAMappedAddressForIpv4Only) {
  EXPECT_EQ(WithNames({}, {"192.0.2.1"}, "::ffff:192.0.2.1"), "ok");
  EXPECT_EQ(WithNames({}, {"::ffff:192.0.2.1"}, "192.0.2.1"), kMismatch);
}

TEST(PeerVerifier, NeverMatchesAnAddressWithADnsName) {
  EXPECT_EQ(WithNames({"192.0.2.1"}, {}, "192.0.2.1"), kMismatch);
  EXPECT_EQ(WithNames({"2001:db8::1"}, {}, "2001:db8::1"), kMismatch);
  EXPECT_EQ(WithNames({"*.0.2.1"}, {}, "192.0.2.1"), kMismatch);
  EXPECT_EQ(WithNames({}, {"192.0.2.1"}, "server.example"), kMismatch);
}

// --- name constraints ---

VerifyResult Constrained(const std::string& constraints,
                         const CertificateSpec& spec,
                         std::string_view asked_for) {
  const auto middle = Pki().root.Issue(
      {.common_name = "i", .authority = true, .name_constraints = constraints});
  const auto end = middle.Issue(spec);
  return Store().Verify(Server(asked_for), Prove(end, {&middle}));
}

TEST(PeerVerifier, KeepsConstraintsOnDnsNames) {
  const CertificateSpec spec = {.dns = {"a.nfs.example"}};
  const auto verdict = [&](const std::string& constraints) {
    return Verdict(Constrained(constraints, spec, "a.nfs.example"));
  };
  EXPECT_EQ(verdict("critical,permitted;DNS:nfs.example"), "ok");
  EXPECT_EQ(verdict("critical,permitted;DNS:other.example"),
            "certificate_invalid");
  EXPECT_EQ(verdict("critical,excluded;DNS:nfs.example"),
            "certificate_invalid");
  EXPECT_THAT(DetailOf(Constrained("permitted;DNS:other.example", spec,
                                   "a.nfs.example")),
              HasSubstr("permitted subtree violation"));
}

TEST(PeerVerifier, KeepsConstraintsOnAddresses) {
  const auto verdict = [](const std::string& constraints,
                          const std::string& ip) {
    return Verdict(Constrained(constraints, {.ip = {ip}}, ip));
  };
  const std::string net = "IP:192.0.2.0/255.255.255.0";
  EXPECT_EQ(verdict("permitted;" + net, "192.0.2.1"), "ok");
  EXPECT_EQ(verdict("permitted;" + net, "198.51.100.1"), "certificate_invalid");
  EXPECT_EQ(verdict("excluded;" + net, "192.0.2.1"), "certificate_invalid");
  EXPECT_EQ(verdict("permitted;IP:2001:db8::/ffff:ffff::", "2001:db8::1"),
            "ok");
  EXPECT_EQ(verdict("permitted;IP:2001:db8::/ffff:ffff::", "2001:db9::1"),
            "certificate_invalid");
}

// A common name is no name, so it is not constrained either.
TEST(PeerVerifier, KeepsConstraintsFromTheCommonName) {
  EXPECT_EQ(Verdict(Constrained("permitted;DNS:nfs.example",
                                {.common_name = "client.elsewhere.example",
                                 .ip = {"192.0.2.1"}},
                                "192.0.2.1")),
            "ok");
}

// All names of a certificate are constrained, not only the one asked for.
TEST(PeerVerifier, KeepsConstraintsOnNamesNobodyAskedFor) {
  EXPECT_EQ(Verdict(Constrained("permitted;DNS:nfs.example",
                                {.dns = {"a.nfs.example", "evil.example"}},
                                "a.nfs.example")),
            "certificate_invalid");
}

// 64 KiB of names against 64 KiB of constraints is refused, and soon.
TEST(PeerVerifier, BoundsTheCostOfConstraints) {
  std::string constraints = "permitted;DNS:example";
  std::vector<std::string> names;
  for (int i = 0; i < 1500; ++i) {
    constraints += ",excluded;DNS:x" + std::to_string(i) + ".invalid";
    names.push_back("n" + std::to_string(i) + ".example");
  }
  const auto middle = Pki().root.Issue(
      {.common_name = "i", .authority = true, .name_constraints = constraints});
  const PeerProof proof =
      Prove(middle.Issue({.dns = std::move(names)}), {&middle});
  const std::clock_t start = std::clock();

  const std::string verdict = Verdict(Store(), Server("n1.example"), proof);

  EXPECT_NE(verdict, "certificate_chain_too_long");
  EXPECT_NE(verdict, "ok");
  EXPECT_LT(std::clock() - start, CLOCKS_PER_SEC);
}

// --- revocation ---

const std::string& RootCrl() {
  static const std::string crl = Pki().root.CrlPem({});
  return crl;
}

std::string WithCrls(const std::string& crls) {
  return Verdict(Trust(Pki().root.pem(), crls), Server(),
                 Prove(Pki().server, {&Pki().intermediate}));
}

TEST(PeerVerifier, AcceptsWhatNoListRevokes) {
  EXPECT_EQ(WithCrls(RootCrl() + Pki().intermediate.CrlPem({})), "ok");
  EXPECT_EQ(WithCrls(RootCrl() +
                     Pki().intermediate.CrlPem({.revoked = {&Pki().client}})),
            "ok");
}

TEST(PeerVerifier, RefusesWhatAListRevokes) {
  EXPECT_EQ(WithCrls(RootCrl() +
                     Pki().intermediate.CrlPem({.revoked = {&Pki().server}})),
            "certificate_revoked");
  const auto result =
      Trust(Pki().root.pem(),
            Pki().root.CrlPem({.revoked = {&Pki().intermediate}}) +
                Pki().intermediate.CrlPem({}))
          .Verify(Server(), Prove(Pki().server, {&Pki().intermediate}));
  EXPECT_EQ(Verdict(result), "certificate_revoked");
  EXPECT_EQ(DetailOf(result),
            "certificate revoked (depth 1, CN=Test Intermediate)");
}

TEST(PeerVerifier, RefusesWithoutAListForEveryIssuer) {
  EXPECT_EQ(WithCrls(RootCrl()), "crl_unavailable");
  EXPECT_EQ(WithCrls(Pki().intermediate.CrlPem({})), "crl_unavailable");
}

TEST(PeerVerifier, RefusesListsOfAnotherTime) {
  const auto hour = std::chrono::hours(1);
  const CrlSpec old = {.next_update = kTestNow - hour};
  const CrlSpec early = {.this_update = kTestNow + hour};

  EXPECT_EQ(WithCrls(RootCrl() + Pki().intermediate.CrlPem(old)),
            "crl_unavailable");
  EXPECT_EQ(WithCrls(Pki().root.CrlPem(old) + Pki().intermediate.CrlPem({})),
            "crl_unavailable");
  EXPECT_EQ(WithCrls(RootCrl() + Pki().intermediate.CrlPem(early)),
            "crl_unavailable");
}

TEST(PeerVerifier, RefusesListsThatTheIssuerDidNotSign) {
  const auto impostor =
      Pki().root.Issue({.common_name = "Test Intermediate", .authority = true});
  const auto without_identifier = impostor.CrlPem({});

  EXPECT_NE(WithCrls(RootCrl() + without_identifier), "ok");
}

// --- CertificateVerify ---

TEST(PeerVerifier, RefusesAnotherSignature) {
  const PeerProof good = Prove(Pki().server, {&Pki().intermediate});
  PeerProof flipped = good;
  flipped.signature.back() ^= 0x01;
  PeerProof other_hash = good;
  other_hash.transcript_hash = HashValue(Bytes(32, 0x5b));
  PeerProof empty = good;
  empty.signature.clear();
  const PeerProof other_key = Prove(Pki().client, {&Pki().intermediate});
  PeerProof stolen_chain = other_key;
  stolen_chain.chain = good.chain;

  for (const auto& proof : {flipped, other_hash, empty, stolen_chain}) {
    EXPECT_EQ(Verdict(Store(), Server(), proof), "bad_certificate_verify");
  }
}

TEST(PeerVerifier, RefusesASignatureMadeInTheOtherRole) {
  EXPECT_EQ(Verdict(Store(), Server(),
                    Prove(Pki().server, {&Pki().intermediate}, Role::kClient)),
            "bad_certificate_verify");
}

TEST(PeerVerifier, RefusesASchemeThatIsNotTheKeys) {
  PeerProof proof = Prove(Pki().server, {&Pki().intermediate});
  for (const auto scheme :
       {SignatureScheme::kRsaPssRsaeSha256, SignatureScheme::kRsaPkcs1Sha256,
        SignatureScheme::kEcdsaSecp384r1Sha384, SignatureScheme::kEd25519,
        SignatureScheme{0x0203}}) {
    proof.scheme = scheme;
    EXPECT_EQ(Verdict(Store(), Server(), proof), "illegal_parameter");
  }
}

// The chain is judged first: a bad one is named even with a bad signature.
TEST(PeerVerifier, ChecksTheSignatureLast) {
  PeerProof proof = Prove(Pki().server, {&Pki().intermediate});
  proof.signature.clear();

  EXPECT_EQ(Verdict(Store(), Server("other.example"), proof), kMismatch);
}

// --- text ---

TEST(PeerVerifier, EscapesTextOfCertificates) {
  const auto result = VerifyServer({.common_name = "a\nb=\"\xc3\xa9\x7f,"});

  ASSERT_EQ(Verdict(result), "ok");
  EXPECT_EQ(std::get<VerifiedPeer>(result).subject,
            "CN=a\\0Ab=\\\"\\C3\\A9\\7F\\,");
}

TEST(PeerVerifier, CapsTextOfCertificates) {
  std::string name;
  for (int i = 0; i < 60; ++i) {
    name += "\xc3\xa9";
  }
  const auto result = VerifyServer(
      {.common_name = name, .not_after = kTestNow - std::chrono::hours(1)});

  ASSERT_EQ(Verdict(result), "certificate_expired");
  EXPECT_EQ(std::get<Refusal>(result).subject.size(), 255U);
  EXPECT_LE(std::get<Refusal>(result).detail.size(), 255U);
}

// --- the store ---

Code StoreError(const std::string& anchors, const std::string& crls = "") {
  const auto store = TrustStore::FromPem(BytesOf(anchors), BytesOf(crls));
  return store.ok() ? Code::kInternal : store.error().code;
}

// `pem` with one byte of its contents changed.
std::string Damaged(std::string pem, std::size_t at) {
  pem[at] = pem[at] == 'A' ? 'B' : 'A';
  return pem;
}

TEST(TrustStore, FailsClosed) {
  const std::string good = Pki().root.pem();

  EXPECT_EQ(StoreError(""), Code::kTrustStoreUnusable);
  EXPECT_EQ(StoreError("nothing\n"), Code::kTrustStoreUnusable);
  EXPECT_EQ(StoreError(good + good.substr(0, good.size() / 2)),
            Code::kTrustStoreUnusable);
  EXPECT_EQ(StoreError(good + Damaged(good, 30)), Code::kTrustStoreUnusable);
  EXPECT_EQ(StoreError(good + Pki().root.key_pem()), Code::kTrustStoreUnusable);
  EXPECT_EQ(StoreError(good + RootCrl()), Code::kTrustStoreUnusable);
}

TEST(TrustStore, FailsClosedOnRevocationLists) {
  const std::string good = Pki().root.pem();

  EXPECT_EQ(StoreError(good, "nothing\n"), Code::kCrlUnusable);
  EXPECT_EQ(StoreError(good, good), Code::kCrlUnusable);
  EXPECT_EQ(StoreError(good, RootCrl() + RootCrl().substr(0, 100)),
            Code::kCrlUnusable);
  EXPECT_EQ(StoreError(good, Damaged(RootCrl(), 27)), Code::kCrlUnusable);
}

TEST(TrustStore, CountsItsAnchors) {
  EXPECT_EQ(Trust(Pki().root.pem() + Pki().intermediate.pem()).anchor_count(),
            2U);
}

}  // namespace
}  // namespace ktlsd::handshake
