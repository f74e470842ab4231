#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "handshake/peer_verifier.h"
#include "handshake/testing/peer_trial.h"
#include "handshake/testing/test_ocsp.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {
namespace {

constexpr auto kHour = std::chrono::hours(1);

// A statement that the test server's certificate is good.
OcspStatement AboutServer() {
  return {.subject = &Pki().server, .issuer = &Pki().intermediate};
}

OcspSpec By(const TestCertificate& signer, OcspStatement statement) {
  return {.statements = {std::move(statement)}, .signer = &signer};
}

VerifyResult WithStaple(const Bytes& response) {
  PeerProof proof = Prove(Pki().server, {&Pki().intermediate});
  proof.ocsp_response = response;
  return Store().Verify(Server(), proof);
}

std::string Stapled(const OcspSpec& spec) {
  return Verdict(WithStaple(OcspResponse(spec)));
}

// The verdict when the issuer itself says `statement`.
std::string Said(OcspStatement statement) {
  return Stapled(By(Pki().intermediate, std::move(statement)));
}

// What is said of a refusal of the same.
std::string DetailOf(OcspStatement statement) {
  return DetailOf(
      WithStaple(OcspResponse(By(Pki().intermediate, std::move(statement)))));
}

TEST(PeerOcsp, AcceptsWhatTheIssuerCallsGood) {
  EXPECT_EQ(Said(AboutServer()), "ok");
}

TEST(PeerOcsp, AcceptsAnyDigestInTheNameOfTheCertificate) {
  OcspStatement statement = AboutServer();
  statement.id_digest = "SHA256";
  EXPECT_EQ(Said(statement), "ok");
}

TEST(PeerOcsp, RefusesWhatIsRevokedOrUnknown) {
  OcspStatement statement = AboutServer();
  statement.status = OcspStatus::kRevoked;
  EXPECT_EQ(Said(statement), "certificate_revoked");
  statement.status = OcspStatus::kUnknown;
  EXPECT_EQ(Said(statement), "ocsp_response_invalid");
}

TEST(PeerOcsp, TakesTheTimeFromThePolicy) {
  const auto at = [](CalendarTime begin, std::optional<CalendarTime> end) {
    OcspStatement statement = AboutServer();
    statement.this_update = begin;
    statement.next_update = end;
    return Said(statement);
  };
  EXPECT_EQ(at(kTestNow, kTestNow), "ok");
  EXPECT_EQ(at(kTestNow + kHour, kTestNow + 2 * kHour),
            "ocsp_response_invalid");
  EXPECT_EQ(at(kTestNow - 2 * kHour, kTestNow - kHour),
            "ocsp_response_invalid");
  EXPECT_EQ(at(kTestNow - kHour, std::nullopt), "ocsp_response_invalid");
}

TEST(PeerOcsp, SaysWhatIsWrong) {
  OcspStatement statement = AboutServer();
  statement.next_update = kTestNow - std::chrono::seconds(1);

  EXPECT_EQ(DetailOf(statement), "an OCSP response that has expired");
}

TEST(PeerOcsp, RefusesAResponseAboutAnotherCertificate) {
  OcspStatement statement = AboutServer();
  statement.subject = &Pki().client;
  EXPECT_EQ(Said(statement), "ocsp_response_invalid");
}

// It may be about any certificate, and of any issuer.
TEST(PeerOcsp, RefusesAStatementWhoseDigestIsUnknown) {
  OcspStatement statement = AboutServer();
  statement.id_digest_nobody_knows = true;
  EXPECT_EQ(DetailOf(statement),
            "an OCSP response that the issuer does not stand for");
}

TEST(PeerOcsp, RefusesATimeThatDoesNotParse) {
  OcspStatement statement = AboutServer();
  statement.malformed_time = true;
  EXPECT_EQ(DetailOf(statement),
            "an OCSP response with a time that does not parse");
}

TEST(PeerOcsp, FindsTheStatementAmongOthers) {
  OcspStatement other = AboutServer();
  other.subject = &Pki().client;
  other.status = OcspStatus::kRevoked;
  EXPECT_EQ(Stapled({.statements = {other, AboutServer(), other},
                     .signer = &Pki().intermediate}),
            "ok");
}

// A good one cannot hide a bad one.
TEST(PeerOcsp, WantsEveryStatementToBeGood) {
  OcspStatement revoked = AboutServer();
  revoked.status = OcspStatus::kRevoked;
  EXPECT_EQ(Stapled({.statements = {AboutServer(), revoked},
                     .signer = &Pki().intermediate}),
            "certificate_revoked");
}

TEST(PeerOcsp, AcceptsADelegatedResponder) {
  const auto responder = Pki().intermediate.Issue(
      {.common_name = "responder", .extended_key_usage = "OCSPSigning"});
  EXPECT_EQ(Stapled(By(responder, AboutServer())), "ok");
}

TEST(PeerOcsp, RefusesADelegateWithoutThePurpose) {
  for (const std::string usage : {"", "serverAuth", "anyExtendedKeyUsage"}) {
    const auto responder = Pki().intermediate.Issue(
        {.common_name = "responder", .extended_key_usage = usage});
    EXPECT_EQ(Stapled(By(responder, AboutServer())), "ocsp_response_invalid")
        << usage;
  }
}

// RFC 6960 section 4.2.2.2: "issued directly by the CA that is identified in
// the request".
TEST(PeerOcsp, RefusesADelegateOfAnotherAuthority) {
  const CertificateSpec spec = {.common_name = "responder",
                                .extended_key_usage = "OCSPSigning"};
  const auto above = Pki().root.Issue(spec);
  const auto sub =
      Pki().intermediate.Issue({.common_name = "sub", .authority = true});
  const auto below = sub.Issue(spec);
  const auto self = TestCertificate::SelfSigned(spec);

  for (const TestCertificate* responder : {&above, &below, &self}) {
    EXPECT_EQ(Stapled(By(*responder, AboutServer())), "ocsp_response_invalid");
  }
  EXPECT_EQ(Stapled(By(Pki().root, AboutServer())), "ocsp_response_invalid");
}

TEST(PeerOcsp, RefusesACertificateThatSpeaksForItself) {
  EXPECT_EQ(Stapled(By(Pki().server, AboutServer())), "ocsp_response_invalid");
}

TEST(PeerOcsp, RefusesAnExpiredResponder) {
  const auto responder =
      Pki().intermediate.Issue({.common_name = "responder",
                                .extended_key_usage = "OCSPSigning",
                                .not_after = kTestNow - kHour});
  EXPECT_EQ(Stapled(By(responder, AboutServer())), "ocsp_response_invalid");
}

// The policy's time is the responder's as well, whatever the clock says.
TEST(PeerOcsp, AcceptsAResponderThatIsValidAtTheTimeOfThePolicy) {
  const auto responder =
      Pki().intermediate.Issue({.common_name = "responder",
                                .extended_key_usage = "OCSPSigning",
                                .not_after = kTestNow + kHour});
  EXPECT_EQ(Stapled(By(responder, AboutServer())), "ok");
}

TEST(PeerOcsp, RefusesAResponderWithAShortKey) {
  const auto responder =
      Pki().intermediate.Issue({.common_name = "responder",
                                .key = KeyKind::kRsa1024,
                                .extended_key_usage = "OCSPSigning"});
  EXPECT_EQ(Stapled(By(responder, AboutServer())), "ocsp_response_invalid");
}

TEST(PeerOcsp, RefusesAResponderWhoseCertificateIsNotThere) {
  const auto responder = Pki().intermediate.Issue(
      {.common_name = "responder", .extended_key_usage = "OCSPSigning"});
  OcspSpec spec = By(responder, AboutServer());
  spec.include_signer = false;
  EXPECT_EQ(Stapled(spec), "ocsp_response_invalid");

  spec.signer = &Pki().intermediate;
  EXPECT_EQ(Stapled(spec), "ok");
}

TEST(PeerOcsp, RefusesWeakDigests) {
  const auto responder =
      Pki().intermediate.Issue({.common_name = "responder",
                                .key = KeyKind::kRsa2048,
                                .extended_key_usage = "OCSPSigning"});
  OcspSpec spec = By(responder, AboutServer());
  for (const bool pss : {false, true}) {
    spec.pss = pss;
    spec.digest = "SHA256";
    EXPECT_EQ(Stapled(spec), "ok") << pss;
    spec.digest = "SHA1";
    EXPECT_EQ(DetailOf(WithStaple(OcspResponse(spec))),
              "an OCSP response signed with a weak digest")
        << pss;
  }
}

TEST(PeerOcsp, AcceptsKeysWithoutADigest) {
  const auto responder =
      Pki().intermediate.Issue({.common_name = "responder",
                                .key = KeyKind::kEd25519,
                                .extended_key_usage = "OCSPSigning"});
  EXPECT_EQ(Stapled(By(responder, AboutServer())), "ok");
}

TEST(PeerOcsp, RefusesAWrongSignature) {
  OcspSpec spec = By(Pki().intermediate, AboutServer());
  spec.flip_signature_bit = true;
  EXPECT_EQ(Stapled(spec), "ocsp_response_invalid");
}

TEST(PeerOcsp, RefusesUnknownCriticalExtensions) {
  OcspSpec spec = By(Pki().intermediate, AboutServer());
  spec.critical_extension = true;
  EXPECT_EQ(Stapled(spec), "ocsp_response_invalid");

  OcspStatement statement = AboutServer();
  statement.critical_extension = true;
  EXPECT_EQ(Said(statement), "ocsp_response_invalid");
}

TEST(PeerOcsp, RefusesWhatIsNoResponse) {
  const Bytes good = OcspResponse(By(Pki().intermediate, AboutServer()));
  Bytes longer = good;
  longer.push_back(0);
  const Bytes shorter(good.begin(), good.end() - 1);

  for (const Bytes& response :
       {Bytes(), Bytes{0x30, 0x00}, longer, shorter, OcspTryLater()}) {
    EXPECT_EQ(Verdict(WithStaple(response)), "ocsp_response_invalid");
  }
}

TEST(PeerOcsp, KnowsAnAnchorThatIsItsOwnIssuer) {
  const auto self = TestCertificate::SelfSigned(
      {.authority = true,
       .dns = {"server.example"},
       .key_usage = "critical,digitalSignature,keyCertSign"});
  const TrustStore store = Trust(self.pem());
  PeerProof proof = Prove(self, {});
  proof.ocsp_response =
      OcspResponse(By(self, {.subject = &self, .issuer = &self}));
  EXPECT_EQ(Verdict(store, Server(), proof), "ok");

  proof.ocsp_response = OcspResponse(
      By(self,
         {.subject = &self, .issuer = &self, .status = OcspStatus::kRevoked}));
  EXPECT_EQ(Verdict(store, Server(), proof), "certificate_revoked");
}

// --- who needs one ---

// The verdict on a certificate with this TLS feature extension that comes
// without a response.
std::string Without(const std::string& feature, Stapling stapling) {
  PeerPolicy policy = Server();
  policy.stapling = stapling;
  CertificateSpec spec;
  if (!feature.empty()) {
    spec.extensions = {{"1.3.6.1.5.5.7.1.24", feature}};
  }
  return Verdict(VerifyServer(std::move(spec), policy));
}

constexpr const char* kMustStaple = "DER:3003020105";  // status_request
constexpr const char* kMissing = "ocsp_response_missing";

TEST(PeerOcsp, HonoursMustStapleWhenAskedFor) {
  EXPECT_EQ(Without(kMustStaple, Stapling::kNotAsked), "ok");
  EXPECT_EQ(Without(kMustStaple, Stapling::kAsked), kMissing);
  EXPECT_EQ(Without(kMustStaple, Stapling::kRequired), kMissing);
  EXPECT_EQ(Without("DER:3006020110020105", Stapling::kAsked), kMissing);
}

TEST(PeerOcsp, NeedsNoneForOtherCertificates) {
  EXPECT_EQ(Without("", Stapling::kAsked), "ok");
  EXPECT_EQ(Without("DER:3003020110", Stapling::kAsked), "ok");
  EXPECT_EQ(Without("", Stapling::kRequired), kMissing);
}

TEST(PeerOcsp, RefusesAFeatureExtensionThatDoesNotParse) {
  EXPECT_EQ(Without("DER:0500", Stapling::kAsked), "certificate_malformed");
}

TEST(PeerOcsp, AcceptsMustStapleWithAGoodResponseOnly) {
  const auto end = Pki().intermediate.Issue(
      {.dns = {"server.example"}, .extensions = {{"tlsfeature", "5"}}});
  PeerPolicy policy = Server();
  policy.stapling = Stapling::kAsked;
  PeerProof proof = Prove(end, {&Pki().intermediate});
  const auto with = [&](OcspStatus status) {
    proof.ocsp_response = OcspResponse(
        By(Pki().intermediate,
           {.subject = &end, .issuer = &Pki().intermediate, .status = status}));
    return Verdict(Store(), policy, proof);
  };
  EXPECT_EQ(with(OcspStatus::kGood), "ok");
  EXPECT_EQ(with(OcspStatus::kUnknown), "ocsp_response_invalid");
  EXPECT_EQ(with(OcspStatus::kRevoked), "certificate_revoked");
}

}  // namespace
}  // namespace ktlsd::handshake
