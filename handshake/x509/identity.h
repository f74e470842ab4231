// Does a certificate name the server that was asked for? (RFC 9525)
//
// Layer:     handshake/x509.
// Threads:   pure functions.
#pragma once

#include "base/result.h"
#include "handshake/server_name.h"
#include "handshake/x509/handles.h"

namespace ktlsd::handshake {

// Checks `name` against subjectAltName alone: an IP address against iPAddress
// entries, a DNS name against dNSName entries, never the one kind against the
// other and never against the subject.
// Errors: kCertificateNameMismatch.
Status CheckIdentity(X509* certificate, const ServerName& name,
                     Wildcards wildcards);

}  // namespace ktlsd::handshake
