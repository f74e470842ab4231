#include "handshake/x509/identity.h"

#include <openssl/x509v3.h>

#include "base/libcrypto.h"

namespace ktlsd::handshake {

Status CheckIdentity(X509* certificate, const ServerName& name,
                     Wildcards wildcards) {
  const unsigned flags =
      X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
      (wildcards == Wildcards::kRefused ? X509_CHECK_FLAG_NO_WILDCARDS : 0U);
  const int match = name.is_ip()
                        ? X509_check_ip(certificate, name.ip().data(),
                                        name.ip().size(), flags)
                        : X509_check_host(certificate, name.dns().data(),
                                          name.dns().size(), flags, nullptr);
  if (match < 0) {
    return CryptoError("cannot compare a certificate's names");
  }
  ERR_clear_error();
  if (match == 0) {
    return Error{Code::kCertificateNameMismatch,
                 name.is_ip() ? "no iPAddress of the certificate is the peer's"
                              : "no dNSName of the certificate is the peer's"};
  }
  return Ok{};
}

}  // namespace ktlsd::handshake
