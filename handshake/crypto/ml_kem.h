// ML-KEM (FIPS 203): the post-quantum half of a hybrid key share.
//
// Scope:     by libcrypto, where it has the algorithm: OpenSSL 3.5 does, 3.0
//            does not. Found out by asking, never by its version.
// Layer:     handshake/crypto, for key_share.cc.
// Threads:   functions over keys of the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/crypto/pkey.h"

namespace ktlsd::handshake {

// FIPS 203 table 3.
struct MlKem {
  const char* algorithm;
  std::size_t key_size;         // bytes of an encapsulation key
  std::size_t ciphertext_size;  // bytes
};

inline constexpr MlKem kMlKem768 = {"ML-KEM-768", 1184, 1088};
inline constexpr MlKem kMlKem1024 = {"ML-KEM-1024", 1568, 1568};
inline constexpr std::size_t kMlKemSecretSize = 32;  // bytes, of both

// A new decapsulation key; null when libcrypto fails or lacks the algorithm.
PkeyPtr NewMlKemKey(const MlKem& kem);

// The encapsulation key that belongs to `key`; empty when libcrypto fails.
Bytes EncapsulationKey(const MlKem& kem, EVP_PKEY* key);

// Makes a secret for the owner of `encapsulation_key`: writes it into
// `secret` (kMlKemSecretSize bytes) and returns the ciphertext that tells it.
// Errors: kIllegalParameter for a key of the wrong length, or one that fails
//         the check of FIPS 203 section 7.2 (a coefficient out of range).
Result<Bytes> Encapsulate(const MlKem& kem, ByteView encapsulation_key,
                          std::span<uint8_t> secret);

// Writes the secret told by `ciphertext` into `secret`. A ciphertext that was
// tampered with gives another secret, not an error (implicit rejection).
// Errors: kIllegalParameter for a ciphertext of the wrong length;
// kCryptoFailed.
Status Decapsulate(const MlKem& kem, EVP_PKEY* key, ByteView ciphertext,
                   std::span<uint8_t> secret);

}  // namespace ktlsd::handshake
