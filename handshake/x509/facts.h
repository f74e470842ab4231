// What certificates and revocation lists say of themselves, for people.
//
// Scope:     reads, judges nothing. Text from a certificate is printable ASCII,
//            everything else escaped, and capped.
// Layer:     handshake/x509.
// Threads:   pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace ktlsd::handshake {

// How many names of one certificate are shown.
inline constexpr std::size_t kMaxNamesShown = 32;

struct CertificateFacts {
  std::string subject;  // as RFC 2253 has it
  std::string issuer;
  Bytes subject_der;  // to be compared
  CalendarTime not_before;
  CalendarTime not_after;
  // The DNS names and IP addresses of subjectAltName, the first kMaxNamesShown.
  std::vector<std::string> names;
  bool self_signed = false;  // its issuer's name is its own
};

struct CrlFacts {
  std::string issuer;
  Bytes issuer_der;
  CalendarTime this_update;
  std::optional<CalendarTime> next_update;
};

// Errors: kCertificateMalformed.
Result<CertificateFacts> DescribeCertificate(ByteView der);

// `der`: one CRL. Errors: kCrlUnusable.
Result<CrlFacts> DescribeCrl(ByteView der);

}  // namespace ktlsd::handshake
