// Stapled OCSP responses (RFC 6960), and the certificates that need one.
//
// Scope:     parsing and signatures are libcrypto's. Nothing is fetched, and
//            no clock is read.
// Layer:     handshake/x509.
// Threads:   pure functions.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "handshake/x509/handles.h"

namespace ktlsd::handshake {

// Checks that `der` is a response that calls `certificate` good at `now`.
// `issuer` is the one that signed it, from a path that was verified.
//
// The response is signed by `issuer`, or by a responder whose certificate
// `issuer` itself signed and gave id-kp-OCSPSigning (RFC 6960 section
// 4.2.2.2), with a key and a digest of at least 112 bits. Every statement in it
// about `certificate` has thisUpdate <= now <= nextUpdate (one without
// nextUpdate has no end and is refused) and says "good". Whether the
// responder's own certificate is revoked is not asked.
// Errors: kCertificateRevoked, kOcspResponseInvalid, kNoMemory.
Status CheckOcspResponse(ByteView der, X509* certificate, X509* issuer,
                         CalendarTime now);

// Does `certificate` promise that a response comes with it: has it a TLS
// feature extension with status_request (RFC 7633)?
// Errors: kCertificateMalformed for an extension that does not parse, or comes
//         twice.
Result<bool> MustStaple(const X509* certificate);

}  // namespace ktlsd::handshake
