#include "handshake/allow_list.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>

#include "base/libcrypto.h"
#include "handshake/x509/certificate.h"
#include "handshake/x509/extension_values.h"
#include "handshake/x509/handles.h"

namespace ktlsd::handshake {
namespace {

using NamesPtr = std::unique_ptr<GENERAL_NAMES, FnDeleter<GENERAL_NAMES_free>>;
using Entry = std::pair<AllowedBy, std::string>;

std::string BytesOfString(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string LowerCase(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return text;
}

// As an entry of the list that names it; nothing for other kinds of names.
std::optional<Entry> EntryOf(const GENERAL_NAME* name) {
  int kind = 0;
  const void* const value = GENERAL_NAME_get0_value(name, &kind);
  const auto* const string = static_cast<const ASN1_STRING*>(value);
  switch (kind) {
    case GEN_DNS:
      return Entry(AllowedBy::kDns, LowerCase(BytesOfString(string)));
    case GEN_URI:
      return Entry(AllowedBy::kUri, BytesOfString(string));
    case GEN_EMAIL:
      return Entry(AllowedBy::kEmail, BytesOfString(string));
    case GEN_IPADD:
      return Entry(AllowedBy::kIp, BytesOfString(string));
    default:
      return std::nullopt;
  }
}

}  // namespace

void AllowList::Add(AllowedBy by, std::string value) {
  entries_.emplace(by, std::move(value));
}

Status AllowList::Check(ByteView der) const {
  ASSIGN_OR_RETURN(std::string fingerprint, CertificateFingerprint(der));
  if (entries_.contains({AllowedBy::kFingerprint, std::move(fingerprint)})) {
    return Ok{};
  }
  ASSIGN_OR_RETURN(const X509Ptr certificate, ParseDerCertificate(der));
  std::string subject = SubjectText(certificate.get());
  if (subject.size() <= kMaxAllowedValue &&
      entries_.contains({AllowedBy::kSubject, std::move(subject)})) {
    return Ok{};
  }
  ASSIGN_OR_RETURN(
      const NamesPtr names,
      ReadExtension<NamesPtr>(certificate.get(), NID_subject_alt_name,
                              {Code::kCertificateMalformed,
                               "a subjectAltName that does not parse"}));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto entry = EntryOf(sk_GENERAL_NAME_value(names.get(), i));
    if (entry.has_value() && entries_.contains(*entry)) {
      return Ok{};
    }
  }
  return Error{Code::kClientNotAllowed, "the certificate is not in the list"};
}

Result<std::string> CertificateFingerprint(ByteView der) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  std::size_t size = 0;
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, der.data(), der.size(),
                   digest.data(), &size) != 1) {
    return CryptoError("cannot hash a certificate");
  }
  return std::string(digest.begin(),
                     digest.begin() + static_cast<std::ptrdiff_t>(size));
}

}  // namespace ktlsd::handshake
