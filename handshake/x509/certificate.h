// One certificate: from DER, and as text for a log.
//
// Layer:     handshake/x509.
// Threads:   pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/x509/handles.h"

namespace ktlsd::handshake {

// What text from a certificate is cut to, in characters.
inline constexpr std::size_t kMaxCertificateText = 255;

// Parses exactly one certificate: bytes behind it are kCertificateMalformed.
Result<X509Ptr> ParseDerCertificate(ByteView der);

// The subject (issuer) as in RFC 2253: printable ASCII, everything else
// escaped, at most kMaxCertificateText characters.
std::string SubjectText(const X509* certificate);
std::string IssuerText(const X509* certificate);

}  // namespace ktlsd::handshake
