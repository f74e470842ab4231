// Which of our certificates to show a peer, and the scheme to sign with.
//
// Scope:     compares what our chains are like (chain_facts.h) with the peer's
//            wishes. Parses no certificate, reads no key.
// Layer:     handshake.
// Threads:   pure functions.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// Chooses for us as `signer`; among equals the first candidate, with the first
// of its schemes that the peer takes.
//   kClient  every wish binds (RFC 8446 section 4.4.2.3): signatures,
//            authorities, filters. Filters for other extensions than keyUsage
//            and extendedKeyUsage are ignored (section 4.2.5).
//   kServer  the key must have a scheme that the peer takes. A chain that fits
//            its signatures is preferred, then one under its authorities, but
//            a chain of our choice is better than none (section 4.4.2.2).
// Nothing when no candidate suits. kDecodeError for a filter that we would
// heed and that does not parse.
Result<std::optional<SigningChoice>> ChooseCertificate(
    const LocalCertificates& candidates, const CertificateWishes& wishes,
    Role signer);

}  // namespace ktlsd::handshake
