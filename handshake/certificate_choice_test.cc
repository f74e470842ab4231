#include "handshake/certificate_choice.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "handshake/chain_facts.h"
#include "handshake/config.h"
#include "handshake/crypto/signature.h"
#include "handshake/testing/test_pki.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

using enum SignatureScheme;

ChainFacts FactsOf(const std::vector<const TestCertificate*>& chain) {
  std::vector<Bytes> der;
  for (const TestCertificate* certificate : chain) {
    der.push_back(certificate->der());
  }
  auto facts = DescribeChain(der);
  EXPECT_TRUE(facts.ok());
  return std::move(facts).value();
}

LocalCertificate Candidate(const std::vector<const TestCertificate*>& chain) {
  return {{}, SchemesOfKey(chain.front()->key()), std::nullopt, FactsOf(chain)};
}

const TestCertificate& Root() {
  static const TestCertificate root =
      TestCertificate::SelfSigned({.common_name = "r", .authority = true});
  return root;
}

const TestCertificate& RsaRoot() {
  static const TestCertificate root = TestCertificate::SelfSigned(
      {.common_name = "rsa", .key = KeyKind::kRsa2048, .authority = true});
  return root;
}

// "1 ecdsa_secp256r1_sha256", "none", or the label of an error.
std::string Choice(const LocalCertificates& candidates,
                   const CertificateWishes& wishes, Role signer) {
  const auto choice = ChooseCertificate(candidates, wishes, signer);
  if (!choice.ok()) {
    return std::string(Describe(choice.error().code).label);
  }
  if (!*choice) {
    return "none";
  }
  return std::to_string((*choice)->certificate) + " " +
         std::string(SchemeName((*choice)->scheme));
}

const CertificateWishes kEcdsaOnly = {
    .signature_algorithms = {kEcdsaSecp256r1Sha256}};

TEST(ChooseCertificate, GoesByTheKeysScheme) {
  const auto ecdsa = Root().Issue({});
  const auto ed25519 = Root().Issue({.key = KeyKind::kEd25519});
  const LocalCertificates both = {Candidate({&ed25519}), Candidate({&ecdsa})};
  const CertificateWishes takes_both = {
      .signature_algorithms = {kEcdsaSecp256r1Sha256, kEd25519}};
  const CertificateWishes rsa = {.signature_algorithms = {kRsaPssRsaeSha256}};
  for (const Role role : {Role::kClient, Role::kServer}) {
    EXPECT_EQ(Choice(both, takes_both, role), "0 ed25519");
    EXPECT_EQ(Choice(both, kEcdsaOnly, role), "1 ecdsa_secp256r1_sha256");
    EXPECT_EQ(Choice(both, rsa, role), "none");
    EXPECT_EQ(Choice({}, takes_both, role), "none");
  }
}

TEST(ChooseCertificate, TakesTheKeysBestSchemeNotThePeers) {
  const auto rsa = Root().Issue({.key = KeyKind::kRsa2048});
  EXPECT_EQ(
      Choice({Candidate({&rsa})},
             {.signature_algorithms = {kRsaPssRsaeSha512, kRsaPssRsaeSha384},
              .signature_algorithms_cert = {kEcdsaSecp256r1Sha256}},
             Role::kClient),
      "0 rsa_pss_rsae_sha384");
}

// A certificate that was not described: no more than its key is known.
TEST(ChooseCertificate, ShowsAnUndescribedChainOnlyWhereTheKeyDecides) {
  const LocalCertificates ours = {
      LocalCertificate{{}, {kMlDsa65}},
      LocalCertificate{{}, {kRsaPssRsaeSha512, kRsaPssRsaeSha256}}};
  CertificateWishes wishes = {
      .signature_algorithms = {kRsaPssRsaeSha512, kMlDsa65}};
  for (const Role role : {Role::kClient, Role::kServer}) {
    EXPECT_EQ(Choice(ours, wishes, role), "0 mldsa65");
  }
  wishes.certificate_authorities = {{0x30, 0x00}};
  EXPECT_EQ(Choice(ours, wishes, Role::kClient), "none");
  EXPECT_EQ(Choice(ours, wishes, Role::kServer), "0 mldsa65");
}

// RFC 8446 section 4.2.3: signature_algorithms_cert is for certificates;
// without it signature_algorithms is.
TEST(ChooseCertificate, LooksAtSignaturesOfTheChain) {
  const auto under_rsa = RsaRoot().Issue({});
  const auto under_ecdsa = Root().Issue({});
  const LocalCertificates both = {Candidate({&under_rsa}),
                                  Candidate({&under_ecdsa})};
  CertificateWishes takes_rsa = kEcdsaOnly;
  takes_rsa.signature_algorithms_cert = {kRsaPkcs1Sha256};
  for (const Role role : {Role::kClient, Role::kServer}) {
    EXPECT_EQ(Choice(both, kEcdsaOnly, role), "1 ecdsa_secp256r1_sha256");
    EXPECT_EQ(Choice(both, takes_rsa, role), "0 ecdsa_secp256r1_sha256");
  }
}

// Every certificate counts, not the end entity alone.
TEST(ChooseCertificate, LooksAtSignaturesOfIntermediates) {
  const auto middle = RsaRoot().Issue({.common_name = "m", .authority = true});
  const auto end = middle.Issue({});
  EXPECT_EQ(Choice({Candidate({&end, &middle})}, kEcdsaOnly, Role::kClient),
            "none");
  EXPECT_EQ(Choice({Candidate({&end})}, kEcdsaOnly, Role::kClient),
            "0 ecdsa_secp256r1_sha256");
}

// RFC 8446 section 4.4.2.2: a server SHOULD go on with "a certificate chain of
// its choice"; section 4.4.2.3: a client's MUST fit.
TEST(ChooseCertificate, LetsOnlyServersShowAChainThatDoesNotFit) {
  const auto end = RsaRoot().Issue({});
  EXPECT_EQ(Choice({Candidate({&end})}, kEcdsaOnly, Role::kServer),
            "0 ecdsa_secp256r1_sha256");
  EXPECT_EQ(Choice({Candidate({&end})}, kEcdsaOnly, Role::kClient), "none");
}

TEST(ChooseCertificate, TakesEitherKindOfKeyForPssSignatures) {
  const auto issuer = TestCertificate::SelfSigned(
      {.common_name = "p", .key = KeyKind::kRsaPss2048, .authority = true});
  const auto end = issuer.Issue({});
  CertificateWishes wishes = kEcdsaOnly;
  for (const auto scheme : {kRsaPssPssSha256, kRsaPssRsaeSha256}) {
    wishes.signature_algorithms_cert = {scheme};
    EXPECT_NE(Choice({Candidate({&end})}, wishes, Role::kClient), "none");
  }
  wishes.signature_algorithms_cert = {kRsaPssPssSha384};
  EXPECT_EQ(Choice({Candidate({&end})}, wishes, Role::kClient), "none");
}

// A peer that lists the number 0 takes no signature without a number.
TEST(ChooseCertificate, ShowsNoSha1) {
  const auto end = RsaRoot().Issue({.digest = "SHA1"});
  CertificateWishes wishes = kEcdsaOnly;
  wishes.signature_algorithms_cert = {SignatureScheme{}, kRsaPkcs1Sha256};
  EXPECT_EQ(Choice({Candidate({&end})}, wishes, Role::kClient), "none");
}

TEST(ChooseCertificate, LooksForTheAuthoritiesInTheWholeChain) {
  const auto middle = Root().Issue({.common_name = "m", .authority = true});
  const auto end = middle.Issue({});
  const auto other = RsaRoot().Issue({});
  const LocalCertificates candidates = {Candidate({&other}),
                                        Candidate({&end, &middle})};
  CertificateWishes wishes = {
      .signature_algorithms = {kEcdsaSecp256r1Sha256, kRsaPkcs1Sha256}};
  for (const Bytes& issuer : candidates[1]->facts.issuers) {
    wishes.certificate_authorities = {{0x30, 0x00}, issuer};
    EXPECT_EQ(Choice(candidates, wishes, Role::kClient),
              "1 ecdsa_secp256r1_sha256");
    EXPECT_EQ(Choice(candidates, wishes, Role::kServer),
              "1 ecdsa_secp256r1_sha256");
  }
  wishes.certificate_authorities = {{0x30, 0x00}};
  EXPECT_EQ(Choice(candidates, wishes, Role::kClient), "none");
  EXPECT_EQ(Choice(candidates, wishes, Role::kServer),
            "0 ecdsa_secp256r1_sha256");
}

// --- filters, RFC 8446 section 4.2.5 ---

const Bytes kKeyUsage = {0x06, 0x03, 0x55, 0x1d, 0x0f};
const Bytes kPurposes = {0x06, 0x03, 0x55, 0x1d, 0x25};
const Bytes kClientAuth = {0x06, 0x08, 0x2b, 0x06, 0x01,
                           0x05, 0x05, 0x07, 0x03, 0x02};
const Bytes kServerAuth = {0x06, 0x08, 0x2b, 0x06, 0x01,
                           0x05, 0x05, 0x07, 0x03, 0x01};

Bytes Sequence(const std::vector<Bytes>& parts) {
  Bytes all = {0x30, 0x00};
  for (const Bytes& part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  all[1] = static_cast<uint8_t>(all.size() - 2);
  return all;
}

std::string Filtered(const CertificateSpec& spec, const OidFilter& filter) {
  const auto end = Root().Issue(spec);
  CertificateWishes wishes = kEcdsaOnly;
  wishes.oid_filters = {filter};
  const std::string choice = Choice({Candidate({&end})}, wishes, Role::kClient);
  return choice == "0 ecdsa_secp256r1_sha256" ? "ok" : choice;
}

TEST(OidFilters, WantAllKeyUsageBits) {
  const auto with = [](const std::string& usage, const Bytes& bits) {
    return Filtered({.key_usage = usage}, {kKeyUsage, bits});
  };
  const Bytes signature = {0x03, 0x02, 0x07, 0x80};
  const Bytes signature_and_encryption = {0x03, 0x02, 0x05, 0xa0};
  const Bytes decipher_only = {0x03, 0x03, 0x07, 0x00, 0x80};
  EXPECT_EQ(with("digitalSignature", signature), "ok");
  EXPECT_EQ(with("digitalSignature,keyEncipherment", signature), "ok");
  EXPECT_EQ(with("digitalSignature,keyEncipherment", signature_and_encryption),
            "ok");
  EXPECT_EQ(with("digitalSignature", signature_and_encryption), "none");
  EXPECT_EQ(with("digitalSignature", decipher_only), "none");
  EXPECT_EQ(with("", signature), "none");
}

TEST(OidFilters, WantAllPurposes) {
  const auto with = [](const std::string& usage, const Bytes& purposes) {
    return Filtered({.extended_key_usage = usage}, {kPurposes, purposes});
  };
  const Bytes client = Sequence({kClientAuth});
  const Bytes both = Sequence({kClientAuth, kServerAuth});
  EXPECT_EQ(with("clientAuth", client), "ok");
  EXPECT_EQ(with("serverAuth,clientAuth", client), "ok");
  EXPECT_EQ(with("serverAuth,clientAuth", both), "ok");
  EXPECT_EQ(with("clientAuth", both), "none");
  EXPECT_EQ(with("serverAuth", client), "none");
  EXPECT_EQ(with("", client), "none");
}

TEST(OidFilters, AreIgnoredForOtherExtensionsAndWithoutValues) {
  EXPECT_EQ(Filtered({}, {{0x06, 0x01, 0x2a}, {0xff}}), "ok");
  EXPECT_EQ(Filtered({.key_usage = ""}, {kKeyUsage, {}}), "ok");
  EXPECT_EQ(Filtered({}, {kPurposes, {}}), "ok");
}

TEST(OidFilters, MustParse) {
  EXPECT_EQ(Filtered({}, {kKeyUsage, {0x05, 0x00}}), "decode_error");
  EXPECT_EQ(Filtered({}, {kKeyUsage, {0x03, 0x02, 0x07, 0x80, 0x00}}),
            "decode_error");
  EXPECT_EQ(Filtered({}, {kPurposes, {0x05, 0x00}}), "decode_error");
}

}  // namespace
}  // namespace ktlsd::handshake
