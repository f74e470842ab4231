#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "handshake/peer_verifier.h"
#include "handshake/testing/peer_trial.h"
#include "handshake/testing/test_ocsp.h"
#include "handshake/testing/test_pki.h"
#include "handshake/validity_window.h"

namespace ktlsd::handshake {
namespace {

using std::chrono::floor;
using std::chrono::hours;
using std::chrono::seconds;

constexpr hours kHour(1);

PeerProof ServerProof() { return Prove(Pki().server, {&Pki().intermediate}); }

VerifiedChain Chain(const TrustStore& store, const PeerProof& proof,
                    const PeerPolicy& policy = Server()) {
  auto verified = store.VerifyChain(policy, proof.chain);
  EXPECT_TRUE(std::holds_alternative<VerifiedChain>(verified));
  return std::get<VerifiedChain>(std::move(verified));
}

// A store of the test PKI's root with `crls` of the intermediate and one of the
// root that is always valid.
TrustStore StoreWithCrls(const std::vector<CrlSpec>& crls) {
  std::string pem = Pki().root.CrlPem({});
  for (const CrlSpec& crl : crls) {
    pem += Pki().intermediate.CrlPem(crl);
  }
  return Trust(Pki().root.pem(), pem);
}

void ExpectWindow(const VerifiedChain& chain, CalendarTime from,
                  CalendarTime until) {
  EXPECT_EQ(chain.window().from, floor<seconds>(from));
  EXPECT_EQ(chain.window().until, floor<seconds>(until));
}

// --- the window ---

TEST(ValidityWindow, IsFromAndBefore) {
  ValidityWindow window;
  EXPECT_TRUE(window.Contains(kTestNow));
  window.Cut({floor<seconds>(kTestNow), floor<seconds>(kTestNow + kHour)},
             kTestNow);

  EXPECT_FALSE(window.Contains(kTestNow - std::chrono::nanoseconds(1)));
  EXPECT_TRUE(window.Contains(kTestNow));
  EXPECT_TRUE(window.Contains(kTestNow + kHour - std::chrono::nanoseconds(1)));
  EXPECT_FALSE(window.Contains(kTestNow + kHour));
}

TEST(VerifiedChain, LastsAsLongAsAllOfItsCertificates) {
  const auto root = TestCertificate::SelfSigned(
      {.common_name = "r", .authority = true, .not_before = kTestNow - kHour});
  const auto middle = root.Issue({.common_name = "i",
                                  .authority = true,
                                  .not_after = kTestNow + 2 * kHour});
  const auto end = middle.Issue({.dns = {"server.example"},
                                 .not_before = kTestNow - 2 * kHour,
                                 .not_after = kTestNow + 3 * kHour});

  ExpectWindow(Chain(Trust(root.pem()), Prove(end, {&middle})),
               kTestNow - kHour, kTestNow + 2 * kHour);
}

// The verifier agrees with libcrypto about the very second.
TEST(VerifiedChain, EndsWhenThePathDoes) {
  const auto end = Pki().intermediate.Issue(
      {.dns = {"server.example"}, .not_after = kTestNow});
  const PeerProof proof = Prove(end, {&Pki().intermediate});
  PeerPolicy policy = Server();
  policy.now = kTestNow - seconds(1);
  const VerifiedChain chain = Chain(Store(), proof, policy);

  EXPECT_TRUE(chain.window().Contains(kTestNow - seconds(1)));
  EXPECT_FALSE(chain.window().Contains(kTestNow));
  EXPECT_EQ(Verdict(Store(), Server(), proof), "certificate_expired");
}

TEST(VerifiedChain, LastsAsLongAsTheLists) {
  const TrustStore store = StoreWithCrls(
      {{.this_update = kTestNow - 2 * kHour, .next_update = kTestNow + kHour}});

  ExpectWindow(Chain(store, ServerProof()), kTestNow - 2 * kHour,
               kTestNow + kHour);
}

// A list that is in the store already may revoke from its first second on.
TEST(VerifiedChain, EndsWhenAnotherListBegins) {
  const TrustStore store =
      StoreWithCrls({{.next_update = kTestNow + 4 * kHour},
                     {.revoked = {&Pki().server},
                      .this_update = kTestNow + kHour,
                      .next_update = kTestNow + 4 * kHour}});
  const VerifiedChain chain = Chain(store, ServerProof());
  PeerPolicy later = Server();
  later.now = kTestNow + kHour;

  EXPECT_FALSE(chain.window().Contains(later.now));
  EXPECT_EQ(Verdict(store, later, ServerProof()), "certificate_revoked");
}

TEST(VerifiedChain, BeginsWhenAnOldListEnded) {
  const TrustStore store =
      StoreWithCrls({{}, {.next_update = kTestNow - kHour}});

  EXPECT_FALSE(Chain(store, ServerProof())
                   .window()
                   .Contains(kTestNow - kHour - seconds(1)));
}

// --- what is left for each handshake ---

TEST(VerifiedChain, ChecksTheNameOfEachHandshake) {
  const VerifiedChain chain = Chain(Store(), ServerProof());

  EXPECT_EQ(Verdict(chain.Check(Server(), ServerProof())), "ok");
  EXPECT_EQ(Verdict(chain.Check(Server("192.0.2.1"), ServerProof())), "ok");
  EXPECT_EQ(Verdict(chain.Check(Server("other.example"), ServerProof())),
            "certificate_name_mismatch");
  EXPECT_EQ(Verdict(chain.Check({Role::kServer, {}, kTestNow}, ServerProof())),
            "no_peer_name");
}

TEST(VerifiedChain, ChecksTheSignatureOfEachHandshake) {
  const VerifiedChain chain = Chain(Store(), ServerProof());
  PeerProof proof = ServerProof();
  proof.transcript_hash = HashValue(Bytes(32, 1));

  EXPECT_EQ(Verdict(chain.Check(Server(), proof)), "bad_certificate_verify");
}

TEST(VerifiedChain, ChecksTheResponseOfEachHandshake) {
  const VerifiedChain chain = Chain(Store(), ServerProof());
  PeerProof proof = ServerProof();
  proof.ocsp_response = OcspResponse({.statements = {{
                                          .subject = &Pki().server,
                                          .issuer = &Pki().intermediate,
                                          .status = OcspStatus::kRevoked,
                                      }},
                                      .signer = &Pki().intermediate});
  EXPECT_EQ(Verdict(chain.Check(Server(), proof)), "certificate_revoked");

  PeerPolicy policy = Server();
  policy.stapling = Stapling::kRequired;
  EXPECT_EQ(Verdict(chain.Check(policy, ServerProof())),
            "ocsp_response_missing");
}

TEST(VerifiedChain, IsOfOneRoleAndProfile) {
  const auto end = Pki().intermediate.Issue({.dns = {"server.example"}});
  const PeerProof proof = Prove(end, {&Pki().intermediate}, Role::kClient);
  const VerifiedChain chain = Chain(Store(), proof);
  PeerPolicy rpc = Server();
  rpc.profile = CertificateProfile::kRpcWithTls;

  EXPECT_EQ(Verdict(chain.Check(Client(), proof)), "api_misuse");
  EXPECT_EQ(Verdict(chain.Check(rpc, ServerProof())), "api_misuse");
}

TEST(VerifiedChain, CountsTheBytesOfItsPath) {
  EXPECT_EQ(Chain(Store(), ServerProof()).size(),
            Pki().server.der().size() + Pki().intermediate.der().size() +
                Pki().root.der().size());
}

}  // namespace
}  // namespace ktlsd::handshake
