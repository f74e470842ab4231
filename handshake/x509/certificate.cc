#include "handshake/x509/certificate.h"

#include <algorithm>
#include <limits>

#include "base/libcrypto.h"

namespace ktlsd::handshake {
Result<X509Ptr> ParseDerCertificate(ByteView der) {
  const unsigned char* next = der.data();
  if (der.size() > std::numeric_limits<long>::max()) {
    return Error{Code::kCertificateMalformed, "a certificate that is too long"};
  }
  X509Ptr certificate(d2i_X509(nullptr, &next, static_cast<long>(der.size())));
  if (!certificate) {
    return CryptoError(Code::kCertificateMalformed,
                       "a certificate that does not parse");
  }
  if (next != der.data() + der.size()) {
    return Error{Code::kCertificateMalformed,
                 "a certificate with bytes behind its end"};
  }
  return certificate;
}

bool IsVersion3(const X509* certificate) {
  return X509_get_version(certificate) == X509_VERSION_3;
}

std::string NameText(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) {
    ERR_clear_error();
    return "";
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  if (data == nullptr || size <= 0) {
    return "";
  }
  return {data, std::min(static_cast<std::size_t>(size), kMaxCertificateText)};
}

std::string SubjectText(const X509* certificate) {
  return NameText(X509_get_subject_name(certificate));
}

std::string IssuerText(const X509* certificate) {
  return NameText(X509_get_issuer_name(certificate));
}

}  // namespace ktlsd::handshake
