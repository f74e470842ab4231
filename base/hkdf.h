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
#include <memory>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"

struct evp_mac_ctx_st;

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

// HKDF-Expand-Label of one secret, which is set up once for all that is
// expanded from it: that costs as much as two expansions. Holds the secret, so
// it lives within one function only.
class HkdfExpander {
 public:
  // Errors: kApiMisuse a secret that is not HashSize bytes; kCryptoFailed.
  static Result<HkdfExpander> Create(HashAlgorithm algorithm,
                                     const HashSecret& secret);

  HashAlgorithm algorithm() const { return algorithm_; }

  // HKDF-Expand-Label(secret, label, context, length); `label` without
  // "tls13 ".
  // Errors: kApiMisuse a `length` of 0 or more than 48, a label of more than
  //         249 or a context of more than 255 bytes; kCryptoFailed.
  Result<HashSecret> Expand(std::string_view label, ByteView context,
                            std::size_t length);
  // The same into all of `out`, of up to 255 * HashSize bytes, which is the
  // caller's to wipe; after an error what is in it is unspecified.
  Status ExpandInto(std::string_view label, ByteView context,
                    std::span<uint8_t> out);

 private:
  struct Free {
    void operator()(evp_mac_ctx_st* context) const;
  };
  HkdfExpander(HashAlgorithm algorithm, evp_mac_ctx_st* mac)
      : algorithm_(algorithm), mac_(mac) {}

  HashAlgorithm algorithm_;
  std::unique_ptr<evp_mac_ctx_st, Free> mac_;
};

// One expansion. Errors: those of HkdfExpander's two calls.
Result<HashSecret> HkdfExpandLabel(HashAlgorithm algorithm,
                                   const HashSecret& secret,
                                   std::string_view label, ByteView context,
                                   std::size_t length);

// The same for values that leave as bytes, such as an exporter's.
Status HkdfExpandLabelInto(HashAlgorithm algorithm, const HashSecret& secret,
                           std::string_view label, ByteView context,
                           std::span<uint8_t> out);

}  // namespace ktlsd
