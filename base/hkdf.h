// HMAC and HKDF over the hash of a cipher suite, by libcrypto: the one way in
// which secrets are made from secrets.
//
// Scope:     HMAC (RFC 2104), HKDF-Extract (RFC 5869), HKDF-Expand-Label (RFC
//            8446 section 7.1). What is derived from what is the caller's:
//            handshake/key_schedule.h and ktls/crypto_info.h.
// Layer:     base: both handshake/ and ktls/ derive keys.
// Threads:   pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"

namespace ktlsd {

enum class HashAlgorithm : uint8_t { kSha256, kSha384 };

HashAlgorithm HashOf(CipherSuite suite);
std::size_t HashSize(HashAlgorithm algorithm);  // bytes: 32 or 48
// The name by which libcrypto fetches it.
const char* HashName(HashAlgorithm algorithm);

// HMAC(key, data). Errors: kApiMisuse an empty key; kCryptoFailed.
Result<HashSecret> Hmac(HashAlgorithm algorithm, const HashSecret& key,
                        ByteView data);

// HKDF-Extract(salt, input keying material). An empty `ikm` or `salt` stands
// for HashSize zero bytes, as in the key schedule's "0".
Result<HashSecret> HkdfExtract(HashAlgorithm algorithm, const HashSecret& salt,
                               ByteView ikm);

// HKDF-Expand-Label(secret, label, context, length); `label` without "tls13 ".
// Errors: kApiMisuse a secret that is not HashSize bytes, a `length` of 0 or
//         more than 48, a label of more than 249 or a context of more than 255
//         bytes; kCryptoFailed.
Result<HashSecret> HkdfExpandLabel(HashAlgorithm algorithm,
                                   const HashSecret& secret,
                                   std::string_view label, ByteView context,
                                   std::size_t length);

// The same into all of `out`, which is the caller's to wipe: for values that
// leave as bytes, such as an exporter's.
// Errors: as above, but for an `out` of up to 255 * HashSize bytes; what is in
//         `out` is then unspecified.
Status HkdfExpandLabelInto(HashAlgorithm algorithm, const HashSecret& secret,
                           std::string_view label, ByteView context,
                           std::span<uint8_t> out);

}  // namespace ktlsd
