#include "handshake/x509/usage.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>

#include "handshake/testing/test_pki.h"
#include "handshake/x509/handles.h"

namespace ktlsd::handshake {
namespace {

// What CheckPurpose says of a server's certificate alone.
Status PurposeOf(const CertificateSpec& spec) {
  const TestCertificate certificate = TestCertificate::SelfSigned(spec);
  const X509StackPtr path(sk_X509_new_null());
  X509_add_cert(path.get(), certificate.x509(), X509_ADD_FLAG_UP_REF);
  return CheckPurpose(path.get(), Role::kServer, KeyPurposes::kTlsOrRpc);
}

TEST(Usage, TakesACertificateForItsPurpose) {
  EXPECT_TRUE(PurposeOf({}).ok());
  EXPECT_TRUE(PurposeOf({.extended_key_usage = "serverAuth"}).ok());
}

// Libcrypto refuses both as it builds a path; here is the second defence.
TEST(Usage, RefusesPurposesItCannotRead) {
  const Status twice =
      PurposeOf({.extended_key_usage = "serverAuth",
                 .extensions = {{"extendedKeyUsage", "serverAuth"}}});
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ(twice.error().code, Code::kCertificateMalformed);

  const Status garbage = PurposeOf({.extensions = {{"2.5.29.37", "DER:0500"}}});
  ASSERT_FALSE(garbage.ok());
  EXPECT_EQ(garbage.error().code, Code::kCertificateMalformed);
}

}  // namespace
}  // namespace ktlsd::handshake
