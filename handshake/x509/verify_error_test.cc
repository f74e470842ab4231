#include "handshake/x509/verify_error.h"

#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>

namespace ktlsd::handshake {
namespace {

TEST(VerifyError, KeepsLibcryptosWords) {
  const Error error = VerifyError(X509_V_ERR_CERT_HAS_EXPIRED);

  EXPECT_EQ(error.code, Code::kCertificateExpired);
  EXPECT_EQ(error.what, "certificate has expired");
}

TEST(VerifyError, TellsTheFaultsOfAListFromThoseOfACertificate) {
  EXPECT_EQ(VerifyError(X509_V_ERR_CRL_HAS_EXPIRED).code,
            Code::kCrlUnavailable);
  EXPECT_EQ(VerifyError(X509_V_ERR_UNABLE_TO_GET_CRL).code,
            Code::kCrlUnavailable);
  EXPECT_EQ(VerifyError(X509_V_ERR_CRL_SIGNATURE_FAILURE).code,
            Code::kCrlUnusable);
  EXPECT_EQ(VerifyError(X509_V_ERR_CERT_REVOKED).code,
            Code::kCertificateRevoked);
}

TEST(VerifyError, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(VerifyError(X509_V_ERR_PERMITTED_VIOLATION).code,
            Code::kCertificateInvalid);
  EXPECT_EQ(VerifyError(4711).code, Code::kCertificateInvalid);
  EXPECT_FALSE(VerifyError(4711).what.empty());
}

}  // namespace
}  // namespace ktlsd::handshake
