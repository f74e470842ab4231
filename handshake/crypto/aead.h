// The protection of records by one key (RFC 8446 section 5.2), by libcrypto.
//
// Scope:     the AEADs of the cipher suites: nonces, encryption and decryption
//            in place. The form of records is record_protection.h's.
// Layer:     handshake/crypto.
// Threads:   move-only, thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/hkdf.h"
#include "base/result.h"
#include "base/session_keys.h"

struct evp_cipher_ctx_st;

namespace ktlsd::handshake {

struct AeadTraits;

// One AEAD key with its static iv.
class Aead {
 public:
  // As EVP_CipherInit's.
  enum class Direction : int { kOpen = 0, kSeal = 1 };

  static constexpr std::size_t kTagSize = 16;  // bytes; all suites

  // The key and the iv of the traffic secret that `traffic` expands (RFC 8446
  // section 7.3). Errors: kApiMisuse an unknown suite, or another hash's
  // secret.
  static Result<Aead> Create(Direction direction, CipherSuite suite,
                             HkdfExpander& traffic);

  // Not when it was moved away; then it must not be used.
  bool has_key() const { return context_ != nullptr; }

  // Encrypts `data` in place, and writes the tag. False when libcrypto fails.
  bool Seal(uint64_t sequence, ByteView header, std::span<uint8_t> data,
            std::span<uint8_t> tag);
  // Decrypts `data` in place. False also when the tag is wrong.
  bool Open(uint64_t sequence, ByteView header, std::span<uint8_t> data,
            ByteView tag);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  Aead(const AeadTraits& traits, HashSecret iv);

  bool SetKey(Direction direction, ByteView key);
  bool SetNonce(uint64_t sequence);
  bool SetTag(ByteView tag);
  bool Crypt(ByteView header, std::span<uint8_t> data);

  const AeadTraits* traits_;
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;
  HashSecret iv_;
};

}  // namespace ktlsd::handshake
