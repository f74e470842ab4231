#include "handshake/x509/facts.h"

#include <gtest/gtest.h>

#include "base/error_codes.h"
#include "handshake/testing/test_pki.h"
#include "handshake/x509/pem.h"

namespace ktlsd::handshake {
namespace {

CertificateFacts FactsOf(const TestCertificate& certificate) {
  auto facts = DescribeCertificate(certificate.der());
  EXPECT_TRUE(facts.ok());
  return facts.ok() ? *facts : CertificateFacts();
}

TEST(DescribeCertificate, ReadsNamesAndTimes) {
  const TestPki pki = MakeTestPki();
  const CertificateFacts server = FactsOf(pki.server);
  EXPECT_EQ(server.subject, "CN=Test Server");
  EXPECT_EQ(server.issuer, FactsOf(pki.intermediate).subject);
  EXPECT_EQ(server.not_before, kTestNotBefore);
  EXPECT_EQ(server.not_after, kTestNotAfter);
  EXPECT_EQ(server.names,
            (std::vector<std::string>{"server.example", "*.wild.example",
                                      "192.0.2.1", "2001:db8::1"}));
  EXPECT_FALSE(server.self_signed);
  EXPECT_TRUE(FactsOf(pki.root).self_signed);
  EXPECT_NE(FactsOf(pki.root).subject_der, server.subject_der);
}

TEST(DescribeCertificate, ShowsNoByteThatATerminalWouldObey) {
  const CertificateFacts facts = FactsOf(TestCertificate::SelfSigned(
      {.common_name = "a\x1b[2J", .dns = {"b\x1b[2J\\"}}));
  EXPECT_EQ(facts.subject.find('\x1b'), std::string::npos);
  ASSERT_EQ(facts.names.size(), 1U);
  EXPECT_EQ(facts.names[0], "b\\1B[2J\\5C");
}

TEST(DescribeCertificate, ShowsSoManyNamesAndNoMore) {
  CertificateSpec spec;
  spec.dns.assign(kMaxNamesShown + 1, "name.example");
  EXPECT_EQ(FactsOf(TestCertificate::SelfSigned(spec)).names.size(),
            kMaxNamesShown);
}

TEST(DescribeCertificate, RefusesWhatIsNone) {
  const Bytes bytes = {0x30, 0x00};
  const auto facts = DescribeCertificate(bytes);
  ASSERT_FALSE(facts.ok());
  EXPECT_EQ(facts.error().code, Code::kCertificateMalformed);
}

TEST(DescribeCrl, ReadsIssuerAndTimes) {
  const TestPki pki = MakeTestPki();
  const auto blocks =
      PemBlocks(BytesOf(pki.root.CrlPem({})), "X509 CRL", Code::kCrlUnusable);
  ASSERT_TRUE(blocks.ok());
  const auto crl = DescribeCrl(blocks->front());
  ASSERT_TRUE(crl.ok());
  EXPECT_EQ(crl->issuer, FactsOf(pki.root).subject);
  EXPECT_EQ(crl->issuer_der, FactsOf(pki.root).subject_der);
  EXPECT_EQ(crl->this_update, kTestNotBefore);
  EXPECT_EQ(crl->next_update, kTestNotAfter);
}

TEST(DescribeCrl, RefusesWhatIsNone) {
  const Bytes bytes = {0x30, 0x00};
  const auto crl = DescribeCrl(bytes);
  ASSERT_FALSE(crl.ok());
  EXPECT_EQ(crl.error().code, Code::kCrlUnusable);
}

}  // namespace
}  // namespace ktlsd::handshake
