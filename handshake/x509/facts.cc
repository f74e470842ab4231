#include "handshake/x509/facts.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "base/fn_deleter.h"
#include "handshake/x509/certificate.h"
#include "handshake/x509/handles.h"

namespace ktlsd::handshake {
namespace {

using Names = std::unique_ptr<GENERAL_NAMES, FnDeleter<GENERAL_NAMES_free>>;

std::optional<CalendarTime> TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) {
    ERR_clear_error();
    return std::nullopt;
  }
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

ByteView ViewOf(const ASN1_STRING* string) {
  return {ASN1_STRING_get0_data(string),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string Printable(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text;
  for (const uint8_t byte :
       bytes.first(std::min(bytes.size(), kMaxCertificateText / 3))) {
    if (byte > ' ' && byte <= '~' && byte != '\\') {
      text += static_cast<char>(byte);
    } else {
      text += '\\';
      text += kDigits[byte >> 4];
      text += kDigits[byte & 0xF];
    }
  }
  return text;
}

std::string AddressText(ByteView address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = address.size() == 4 ? AF_INET : AF_INET6;
  const bool known = address.size() == 4 || address.size() == 16;
  return known && ::inet_ntop(family, address.data(), text.data(),
                              text.size()) != nullptr
             ? text.data()
             : Printable(address);
}

std::vector<std::string> NamesOf(const X509* certificate) {
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  std::vector<std::string> shown;
  const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
  for (int i = 0; i < count && shown.size() < kMaxNamesShown; ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      shown.push_back(Printable(ViewOf(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      shown.push_back(AddressText(ViewOf(name->d.iPAddress)));
    }
  }
  return shown;
}

Bytes DerOf(const X509_NAME* name) {
  const unsigned char* der = nullptr;
  std::size_t size = 0;
  if (X509_NAME_get0_der(name, &der, &size) != 1) {
    ERR_clear_error();
    return {};
  }
  return {der, der + size};
}

Error Malformed(std::string_view what) {
  return {Code::kCertificateMalformed, what};
}

Error BadList() { return {Code::kCrlUnusable, "a CRL that does not parse"}; }

}  // namespace

Result<CertificateFacts> DescribeCertificate(ByteView der) {
  ASSIGN_OR_RETURN(const X509Ptr certificate, ParseDerCertificate(der));
  const auto not_before = TimeOf(X509_get0_notBefore(certificate.get()));
  const auto not_after = TimeOf(X509_get0_notAfter(certificate.get()));
  if (!not_before.has_value() || !not_after.has_value()) {
    return Malformed("a certificate whose validity does not parse");
  }
  CertificateFacts facts;
  facts.subject = SubjectText(certificate.get());
  facts.issuer = IssuerText(certificate.get());
  facts.subject_der = DerOf(X509_get_subject_name(certificate.get()));
  facts.not_before = *not_before;
  facts.not_after = *not_after;
  facts.names = NamesOf(certificate.get());
  facts.self_signed =
      facts.subject_der == DerOf(X509_get_issuer_name(certificate.get()));
  return facts;
}

Result<CrlFacts> DescribeCrl(ByteView der) {
  const unsigned char* next = der.data();
  if (der.size() > std::numeric_limits<long>::max()) {
    return BadList();
  }
  const X509CrlPtr crl(
      d2i_X509_CRL(nullptr, &next, static_cast<long>(der.size())));
  ERR_clear_error();
  const auto this_update =
      crl ? TimeOf(X509_CRL_get0_lastUpdate(crl.get())) : std::nullopt;
  if (!this_update.has_value()) {
    return BadList();
  }
  const X509_NAME* const issuer = X509_CRL_get_issuer(crl.get());
  return CrlFacts{NameText(issuer), DerOf(issuer), *this_update,
                  TimeOf(X509_CRL_get0_nextUpdate(crl.get()))};
}

}  // namespace ktlsd::handshake
