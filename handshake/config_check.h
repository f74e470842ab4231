// Whether a handshake can be made with a configuration.
//
// Scope:     what can be said before a byte is sent: a fault found here is this
//            side's, not the peer's.
// Layer:     handshake.
// Threads:   pure functions.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "handshake/config.h"

namespace ktlsd::handshake {

// What the names in one ClientHello (PSK identities with their binders, ALPN
// protocols) may take, in bytes: the rest of 65535 is for the other extensions,
// with key shares and a server's cookie (at most 16384).
inline constexpr std::size_t kMaxOfferedNames = 1U << 15;

// Errors: kConfigUnusable; kNoCertificateConfigured for a chain without a
//         certificate.
Status CheckConfig(const ClientConfig& config);
Status CheckConfig(const ServerConfig& config);

}  // namespace ktlsd::handshake
