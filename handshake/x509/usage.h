// What certificates may be used for: extendedKeyUsage and keyUsage.
//
// Scope:     libcrypto's own purposes are not used: they do not ask for
//            digitalSignature, and refuse the key purposes of RPC with TLS.
// Layer:     handshake/x509.
// Threads:   pure functions.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "handshake/wire.h"
#include "handshake/x509/handles.h"

namespace ktlsd::handshake {

// Which key purposes count.
enum class KeyPurposes : uint8_t {
  kTlsOrRpc,  // serverAuth and clientAuth, or those of RPC with TLS
  kRpcOnly,   // those of RPC with TLS (RFC 9289 section 5.2.1)
};

// Checks that every certificate of `path` (end entity first) allows an end
// entity in the role of `peer`:
//   - no extendedKeyUsage: any purpose (RFC 5280 section 4.2.1.12);
//   - for a server serverAuth or id-kp-rpcTLSServer, for a client clientAuth
//     or id-kp-rpcTLSClient (RFC 9289 section 5.2.1);
//   - with kRpcOnly neither serverAuth nor clientAuth is enough, and the end
//     entity must have an extendedKeyUsage: it was made for RPC with TLS, or it
//     was not;
//   - anyExtendedKeyUsage is no restriction in an authority's certificate, and
//     not enough in the end entity's, which RFC 5280 leaves to us: a key that
//     is for anything was not made to stand for this service.
// Errors: kCertificateWrongPurpose, kCertificateMalformed.
Status CheckPurpose(const STACK_OF(X509) * path, Role peer,
                    KeyPurposes accepted);

// Checks that the end entity's key may sign (RFC 8446 section 4.4.2.2: "If
// present, the digitalSignature bit MUST be set").
// Errors: kCertificateKeyUsage.
Status CheckSigningAllowed(X509* end_entity);

}  // namespace ktlsd::handshake
