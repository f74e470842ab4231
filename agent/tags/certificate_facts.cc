#include "agent/tags/certificate_facts.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <limits>
#include <memory>
#include <optional>
#include <span>

#include "base/libcrypto.h"

namespace ktlsd::agent {
namespace {

using X509Ptr = std::unique_ptr<X509, FnDeleter<X509_free>>;
using BioPtr = std::unique_ptr<BIO, FnDeleter<BIO_free>>;

Error Malformed() {
  return CryptoError(Code::kCertificateMalformed,
                     "a certificate that filters cannot read");
}

std::string Hex(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
  }
  return text;
}

// UTF-8 as it is, where the certificate's text in logs is escaped.
std::optional<std::string> NameText(const X509_NAME* name) {
  constexpr unsigned long kFlags = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;
  const BioPtr bio(::BIO_new(BIO_s_mem()));
  if (!bio || ::X509_NAME_print_ex(bio.get(), name, 0, kFlags) < 0) {
    return std::nullopt;
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::optional<std::chrono::sys_seconds> SecondsOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (::ASN1_TIME_to_tm(time, &parts) != 1) {
    return std::nullopt;
  }
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

std::string ObjectText(const ASN1_OBJECT* object, int numeric) {
  std::array<char, 128> text{};
  const int size = ::OBJ_obj2txt(text.data(), text.size(), object, numeric);
  return size > 0 && size < static_cast<int>(text.size()) ? text.data() : "";
}

std::string DigestOf(const X509* certificate, const EVP_MD* digest) {
  std::array<uint8_t, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  return ::X509_digest(certificate, digest, bytes.data(), &size) == 1
             ? Hex(std::span(bytes).first(size))
             : "";
}

// libcrypto gives the first eight bits of the extension in one byte, highest
// first, and decipherOnly above.
uint32_t KeyUsageOf(X509* certificate) {
  if ((::X509_get_extension_flags(certificate) & EXFLAG_KUSAGE) == 0) {
    return 0;
  }
  const uint32_t usage = ::X509_get_key_usage(certificate);
  uint32_t bits = (usage & KU_DECIPHER_ONLY) != 0 ? 1U << 8 : 0;
  for (unsigned i = 0; i < 8; ++i) {
    bits |= (usage >> (7 - i) & 1U) << i;
  }
  return bits;
}

std::string SerialOf(const X509* certificate) {
  const ASN1_INTEGER* const serial = ::X509_get0_serialNumber(certificate);
  const uint8_t* const data = ::ASN1_STRING_get0_data(serial);
  return Hex({data, static_cast<std::size_t>(::ASN1_STRING_length(serial))});
}

}  // namespace

Result<CertificateFacts> FactsOf(ByteView der) {
  const unsigned char* next = der.data();
  const X509Ptr certificate(
      der.size() > std::numeric_limits<long>::max()
          ? nullptr
          : ::d2i_X509(nullptr, &next, static_cast<long>(der.size())));
  if (!certificate) {
    return Malformed();
  }
  X509* const x509 = certificate.get();
  const auto issuer = NameText(::X509_get_issuer_name(x509));
  const auto subject = NameText(::X509_get_subject_name(x509));
  const auto not_before = SecondsOf(::X509_get0_notBefore(x509));
  const auto not_after = SecondsOf(::X509_get0_notAfter(x509));
  if (!issuer || !subject || !not_before || !not_after) {
    return Malformed();
  }
  const X509_ALGOR* algorithm = nullptr;
  const ASN1_OBJECT* object = nullptr;
  ::X509_get0_signature(nullptr, &algorithm, x509);
  ::X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
  CertificateFacts facts;
  facts.signature_algorithm = ObjectText(object, 0);
  facts.signature_algorithm_oid = ObjectText(object, 1);
  facts.version = ::X509_get_version(x509) + 1;
  facts.serial = SerialOf(x509);
  facts.issuer = *issuer;
  facts.subject = *subject;
  facts.not_before = *not_before;
  facts.not_after = *not_after;
  facts.key_usage = KeyUsageOf(x509);
  facts.sha1 = DigestOf(x509, ::EVP_sha1());
  facts.sha256 = DigestOf(x509, ::EVP_sha256());
  facts.self_signed = ::X509_NAME_cmp(::X509_get_issuer_name(x509),
                                      ::X509_get_subject_name(x509)) == 0;
  ::ERR_clear_error();
  return facts;
}

}  // namespace ktlsd::agent
