// Record keys in the form in which the kernel takes them.
//
// Scope:     key and iv from a traffic secret (RFC 8446 section 7.3), laid out
//            as one of the structs of <linux/tls.h>; and which cipher of the
//            kernel is which cipher suite.
// Layer:     ktls, over base/.
// Threads:   pure functions.
// Design:    docs/design/ktls-offload.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "base/secret.h"
#include "base/session_keys.h"

namespace ktlsd::ktls {

// A struct tls12_crypto_info_*, in the kernel's layout:
//
//   field     bytes                 content
//   version   2, host order         0x0304
//   cipher    2, host order         TLS_CIPHER_*
//   iv        8 (ChaCha20: 12)      write_iv behind the salt
//   key       16 or 32              write_key
//   salt      4 (ChaCha20: none)    the first bytes of write_iv
//   rec_seq   8, big endian         sequence number of the next record
inline constexpr std::size_t kMaxCryptoInfo = 56;  // bytes
using CryptoInfo = Secret<kMaxCryptoInfo>;

// Derives and lays out one direction.
// Errors: kCipherNotOffloadable  the kernel has no cipher for `suite`
//         kApiMisuse             a secret of the wrong length
//         kCryptoFailed
Result<CryptoInfo> MakeCryptoInfo(CipherSuite suite, const DirectionKeys& keys);

// The suites that a kernel may offload, in the order of their numbers.
std::span<const CipherSuite> KnownSuites();

// The kernel's TLS_CIPHER_* number of `suite`, and back.
std::optional<uint16_t> KernelCipher(CipherSuite suite);
std::optional<CipherSuite> SuiteOfKernelCipher(uint16_t cipher);

}  // namespace ktlsd::ktls
