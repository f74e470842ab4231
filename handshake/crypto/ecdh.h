// Diffie-Hellman on X25519 and the NIST curves: alone a key share, or the
// classic half of a hybrid one.
//
// Scope:     RFC 8446 sections 4.2.8.2 and 7.4.2, by libcrypto.
// Layer:     handshake/crypto, for key_share.cc.
// Threads:   pure functions over keys of the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/crypto/pkey.h"

namespace ktlsd::handshake {

struct Curve {
  const char* algorithm;
  const char* name;         // null where the algorithm is the curve
  std::size_t share_size;   // bytes on the wire
  std::size_t secret_size;  // bytes; RFC 8446 section 7.4.2
};

inline constexpr Curve kCurveX25519 = {"X25519", nullptr, 32, 32};
inline constexpr Curve kCurveP256 = {"EC", "P-256", 65, 32};
inline constexpr Curve kCurveP384 = {"EC", "P-384", 97, 48};
inline constexpr Curve kCurveP521 = {"EC", "P-521", 133, 66};

// A new key; null when libcrypto fails or lacks the curve.
PkeyPtr NewEcdhKey(const Curve& curve);

// The public share of `key` as it goes on the wire; empty when libcrypto
// fails.
Bytes EcdhShare(const Curve& curve, EVP_PKEY* key);

// Writes the secret that `own` shares with the peer into `out`, which has
// curve.secret_size bytes.
// Errors: kIllegalParameter for a share of the wrong length or form, a point
//         not on the curve, or an all-zero secret.
Status DeriveEcdh(const Curve& curve, EVP_PKEY* own, ByteView peer_share,
                  std::span<uint8_t> out);

}  // namespace ktlsd::handshake
