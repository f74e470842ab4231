#include "handshake/chain_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/objects.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "handshake/testing/test_pki.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

using ::testing::ElementsAre;
using enum SignatureScheme;

ChainFacts FactsOf(const std::vector<Bytes>& der) {
  auto facts = DescribeChain(der);
  EXPECT_TRUE(facts.ok());
  return std::move(facts).value();
}

const TestCertificate& RsaRoot() {
  static const TestCertificate root = TestCertificate::SelfSigned(
      {.common_name = "rsa", .key = KeyKind::kRsa2048, .authority = true});
  return root;
}

TEST(DescribeChain, NamesSignatures) {
  const auto signed_by = [](KeyKind key, const std::string& digest) {
    const auto issuer = TestCertificate::SelfSigned(
        {.common_name = "i", .key = key, .authority = true});
    const auto end = issuer.Issue({.digest = digest});
    return FactsOf({end.der()}).signatures;
  };
  EXPECT_THAT(signed_by(KeyKind::kEcdsaP256, "SHA256"),
              ElementsAre(kEcdsaSecp256r1Sha256));
  EXPECT_THAT(signed_by(KeyKind::kEcdsaP384, "SHA384"),
              ElementsAre(kEcdsaSecp384r1Sha384));
  EXPECT_THAT(signed_by(KeyKind::kEcdsaP521, "SHA512"),
              ElementsAre(kEcdsaSecp521r1Sha512));
  EXPECT_THAT(signed_by(KeyKind::kRsa2048, "SHA256"),
              ElementsAre(kRsaPkcs1Sha256));
  EXPECT_THAT(signed_by(KeyKind::kRsa2048, "SHA512"),
              ElementsAre(kRsaPkcs1Sha512));
  EXPECT_THAT(signed_by(KeyKind::kRsaPss2048, "SHA384"),
              ElementsAre(kRsaPssRsaeSha384));
  EXPECT_THAT(signed_by(KeyKind::kEd25519, ""), ElementsAre(kEd25519));
  EXPECT_THAT(signed_by(KeyKind::kEd448, ""), ElementsAre(kEd448));
  EXPECT_THAT(signed_by(KeyKind::kRsa2048, "SHA1"),
              ElementsAre(SignatureScheme{}));
}

// RFC 8446 section 4.2.3: nobody verifies those.
TEST(DescribeChain, LeavesOutSelfSignatures) {
  const auto end = RsaRoot().Issue({});
  const ChainFacts facts = FactsOf({end.der(), RsaRoot().der()});

  EXPECT_THAT(facts.signatures, ElementsAre(kRsaPkcs1Sha256));
  EXPECT_EQ(facts.issuers.size(), 2U);
  EXPECT_EQ(facts.issuers[0], facts.issuers[1]);
}

TEST(DescribeChain, RefusesWhatItCannotRead) {
  EXPECT_EQ(DescribeChain({}).error().code, Code::kCertificateUnusable);
  const std::vector<Bytes> garbage = {{0x30, 0x00}};
  EXPECT_EQ(DescribeChain(garbage).error().code, Code::kCertificateUnusable);
  const auto end = RsaRoot().Issue({.extensions = {{"2.5.29.37", "DER:0500"}}});
  const std::vector<Bytes> usage = {end.der()};
  EXPECT_EQ(DescribeChain(usage).error().code, Code::kCertificateUnusable);
}

// No libcrypto older than OpenSSL 3.5 can sign like this, so the algorithm of
// an RSA signature is renamed. All its places are of one length. An older one
// does not know the names and reads the chain all the same.
TEST(DescribeChain, KnowsMlDsaWhereLibcryptoDoes) {
  const bool known = OBJ_sn2nid("ML-DSA-65") != NID_undef;
  const auto as = [&](SignatureScheme scheme) {
    return ElementsAre(known ? scheme : SignatureScheme{});
  };
  const Bytes rsa = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b};
  const auto renamed = [&](uint8_t last) {
    const Bytes oid = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, last};
    Bytes der = RsaRoot().Issue({}).der();
    for (auto at = der.begin(); at != der.end(); ++at) {
      at = std::search(at, der.end(), rsa.begin(), rsa.end());
      if (at == der.end()) {
        break;
      }
      std::copy(oid.begin(), oid.end(), at);
    }
    return FactsOf({der}).signatures;
  };
  EXPECT_THAT(renamed(0x11), as(kMlDsa44));
  EXPECT_THAT(renamed(0x12), as(kMlDsa65));
  EXPECT_THAT(renamed(0x13), as(kMlDsa87));
  EXPECT_THAT(renamed(0x14), ElementsAre(SignatureScheme{}));  // SLH-DSA
}

}  // namespace
}  // namespace ktlsd::handshake
