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

// Is it X.509v3? An end entity's must be (RFC 8446 sections 4.4.2.2, 4.4.2.3);
// libcrypto takes older ones, if they have no extension.
bool IsVersion3(const X509* certificate);

// `name` as in RFC 2253: printable ASCII, everything else escaped, at most
// kMaxCertificateText characters.
std::string NameText(const X509_NAME* name);
std::string SubjectText(const X509* certificate);
std::string IssuerText(const X509* certificate);

}  // namespace ktlsd::handshake
