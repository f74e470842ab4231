#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "handshake/peer_verifier.h"
#include "handshake/testing/peer_trial.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {
namespace {

using testing::HasSubstr;

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

constexpr const char* kRpcClient = "1.3.6.1.5.5.7.3.33";
constexpr const char* kRpcServer = "1.3.6.1.5.5.7.3.34";

PeerPolicy Rpc(PeerPolicy policy) {
  policy.profile = CertificateProfile::kRpcWithTls;
  return policy;
}

TEST(RpcProfile, WantsThePurposeOfRpcServers) {
  const auto verdict = [](const std::string& usage) {
    return Verdict(VerifyServer({.extended_key_usage = usage}, Rpc(Server())));
  };
  EXPECT_EQ(verdict(kRpcServer), "ok");
  EXPECT_EQ(verdict("serverAuth," + std::string(kRpcServer)), "ok");
  EXPECT_EQ(verdict(""), "certificate_wrong_purpose");
  EXPECT_EQ(verdict("serverAuth"), "certificate_wrong_purpose");
  EXPECT_EQ(verdict(kRpcClient), "certificate_wrong_purpose");
  EXPECT_EQ(verdict("anyExtendedKeyUsage"), "certificate_wrong_purpose");
}

TEST(RpcProfile, WantsThePurposeOfRpcClients) {
  const auto verdict = [](const std::string& usage) {
    const auto end = Pki().intermediate.Issue({.extended_key_usage = usage});
    return Verdict(Store(), Rpc(Client()),
                   Prove(end, {&Pki().intermediate}, Role::kClient));
  };
  EXPECT_EQ(verdict(kRpcClient), "ok");
  EXPECT_EQ(verdict(""), "certificate_wrong_purpose");
  EXPECT_EQ(verdict("clientAuth"), "certificate_wrong_purpose");
  EXPECT_EQ(verdict(kRpcServer), "certificate_wrong_purpose");
}

// An authority without extendedKeyUsage is for everything; one with it must
// name the purpose of RPC.
TEST(RpcProfile, HoldsAuthoritiesToTheirPurposes) {
  const auto under = [](const std::string& usage) {
    const auto middle = Pki().root.Issue(
        {.common_name = "i", .authority = true, .extended_key_usage = usage});
    const auto end = middle.Issue(
        {.dns = {"server.example"}, .extended_key_usage = kRpcServer});
    return Verdict(Store(), Rpc(Server()), Prove(end, {&middle}));
  };
  EXPECT_EQ(under(""), "ok");
  EXPECT_EQ(under(kRpcServer), "ok");
  EXPECT_EQ(under("anyExtendedKeyUsage"), "ok");
  EXPECT_EQ(under("serverAuth"), "certificate_wrong_purpose");
}

TEST(RpcProfile, TakesNoWildcard) {
  PeerPolicy policy = Rpc(Server("a.nfs.example"));
  const auto verdict = [&](const std::string& name) {
    return Verdict(VerifyServer(
        {.dns = {name}, .extended_key_usage = kRpcServer}, policy));
  };
  ASSERT_EQ(policy.wildcards, Wildcards::kLeftmostLabel);
  EXPECT_EQ(verdict("a.nfs.example"), "ok");
  EXPECT_EQ(verdict("*.nfs.example"), "certificate_name_mismatch");
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

}  // namespace
}  // namespace ktlsd::handshake
