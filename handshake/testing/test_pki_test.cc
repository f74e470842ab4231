#include "handshake/testing/test_pki.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>

#include <stdexcept>

namespace ktlsd::handshake {
namespace {

class EveryKeyKind : public testing::TestWithParam<KeyKind> {};

TEST_P(EveryKeyKind, SignsAndIsSigned) {
  const TestCertificate root = TestCertificate::SelfSigned(
      {.common_name = "root", .key = GetParam(), .authority = true});
  const TestCertificate end = root.Issue(
      {.key = GetParam(), .dns = {"a.example"}, .ip = {"192.0.2.1", "::1"}});

  EXPECT_EQ(X509_verify(end.x509(), root.key()), 1);
  EXPECT_NE(X509_verify(end.x509(), end.key()), 1);
  EXPECT_EQ(X509_check_private_key(end.x509(), end.key()), 1);
  EXPECT_FALSE(root.CrlPem({.revoked = {&end}}).empty());
  EXPECT_FALSE(end.key_der().empty());
}

INSTANTIATE_TEST_SUITE_P(TestPki, EveryKeyKind,
                         testing::ValuesIn(UsableKeyKinds()));

TEST(TestPki, RefusesWhatLibcryptoRefuses) {
  EXPECT_THROW(TestCertificate::SelfSigned({.ip = {"not an address"}}),
               std::runtime_error);
}

TEST(TestPki, GivesChainsInTheOrderOfTheWire) {
  const TestPki pki = MakeTestPki();

  const std::vector<Bytes> chain = pki.ChainOf(pki.server);

  ASSERT_EQ(chain.size(), 2U);
  EXPECT_EQ(chain[0], pki.server.der());
  EXPECT_EQ(chain[1], pki.intermediate.der());
}

}  // namespace
}  // namespace ktlsd::handshake
