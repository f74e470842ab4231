#include "handshake/x509/verify_error.h"

#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>

namespace ktlsd::handshake {
namespace {

struct Row {
  int x509_v_err;
  Code code;
};

constexpr auto kRows = std::to_array<Row>({
    // No way from the certificate to an anchor.
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, Code::kCertificateUnknownIssuer},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
     Code::kCertificateUnknownIssuer},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, Code::kCertificateUnknownIssuer},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, Code::kCertificateUnknownIssuer},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
     Code::kCertificateUnknownIssuer},
    {X509_V_ERR_CERT_UNTRUSTED, Code::kCertificateUnknownIssuer},
    {X509_V_ERR_CERT_REJECTED, Code::kCertificateUnknownIssuer},
    {X509_V_ERR_SUBJECT_ISSUER_MISMATCH, Code::kCertificateUnknownIssuer},
    {X509_V_ERR_AKID_SKID_MISMATCH, Code::kCertificateUnknownIssuer},
    {X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH, Code::kCertificateUnknownIssuer},
    // RFC 8446 section 4.4.2.4: MD5 (and SHA-1) are told by bad_certificate.
    {X509_V_ERR_CA_MD_TOO_WEAK, Code::kCertificateBadSignature},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, Code::kCertificateBadSignature},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE,
     Code::kCertificateBadSignature},
    {X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM,
     Code::kCertificateBadSignature},
    // Time, and what a list says of it.
    {X509_V_ERR_CERT_NOT_YET_VALID, Code::kCertificateNotYetValid},
    {X509_V_ERR_CERT_HAS_EXPIRED, Code::kCertificateExpired},
    {X509_V_ERR_CERT_REVOKED, Code::kCertificateRevoked},
    {X509_V_ERR_UNABLE_TO_GET_CRL, Code::kCrlUnavailable},
    {X509_V_ERR_CRL_NOT_YET_VALID, Code::kCrlUnavailable},
    {X509_V_ERR_CRL_HAS_EXPIRED, Code::kCrlUnavailable},
    {X509_V_ERR_CRL_SIGNATURE_FAILURE, Code::kCrlUnusable},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, Code::kCrlUnusable},
    {X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD, Code::kCrlUnusable},
    {X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD, Code::kCrlUnusable},
    {X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, Code::kCrlUnusable},
    {X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, Code::kCrlUnusable},
    {X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, Code::kCrlUnusable},
    {X509_V_ERR_DIFFERENT_CRL_SCOPE, Code::kCrlUnusable},
    {X509_V_ERR_CRL_PATH_VALIDATION_ERROR, Code::kCrlUnusable},
    // Names, uses, strength, size.
    {X509_V_ERR_HOSTNAME_MISMATCH, Code::kCertificateNameMismatch},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, Code::kCertificateNameMismatch},
    {X509_V_ERR_INVALID_PURPOSE, Code::kCertificateWrongPurpose},
    {X509_V_ERR_KEYUSAGE_NO_CERTSIGN, Code::kCertificateKeyUsage},
    {X509_V_ERR_CA_CERT_MISSING_KEY_USAGE, Code::kCertificateKeyUsage},
    {X509_V_ERR_PATHLEN_WITHOUT_KU_KEY_CERT_SIGN, Code::kCertificateKeyUsage},
    {X509_V_ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA,
     Code::kCertificateKeyUsage},
    {X509_V_ERR_EE_KEY_TOO_SMALL, Code::kCertificateWeakKey},
    {X509_V_ERR_CA_KEY_TOO_SMALL, Code::kCertificateWeakKey},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG, Code::kCertificateChainTooLong},
    // Fields that cannot be read.
    {X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, Code::kCertificateMalformed},
    {X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, Code::kCertificateMalformed},
    {X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY,
     Code::kCertificateMalformed},
    {X509_V_ERR_NO_ISSUER_PUBLIC_KEY, Code::kCertificateMalformed},
    {X509_V_ERR_INVALID_EXTENSION, Code::kCertificateMalformed},
    {X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH, Code::kCertificateMalformed},
    {X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY, Code::kCertificateMalformed},
    {X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3, Code::kCertificateMalformed},
    // Not the peer's doing.
    {X509_V_ERR_OUT_OF_MEM, Code::kNoMemory},
    {X509_V_ERR_INVALID_CALL, Code::kCryptoFailed},
    {X509_V_ERR_STORE_LOOKUP, Code::kCryptoFailed},
});

}  // namespace

Error VerifyError(int x509_v_err) {
  const auto* const row =
      std::find_if(kRows.begin(), kRows.end(),
                   [&](const Row& r) { return r.x509_v_err == x509_v_err; });
  return Error{row != kRows.end() ? row->code : Code::kCertificateInvalid,
               X509_verify_cert_error_string(x509_v_err)};
}

}  // namespace ktlsd::handshake
