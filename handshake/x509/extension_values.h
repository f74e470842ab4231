// Extensions of certificates, and values taken out of libcrypto's types. Has
// libcrypto's own headers: to be included by sources only.
//
// Layer:     handshake/x509.
// Threads:   pure functions.
#pragma once

#include <openssl/x509v3.h>

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/libcrypto.h"
#include "base/result.h"
#include "handshake/x509/handles.h"

namespace ktlsd::handshake {

inline void FreeUsages(EXTENDED_KEY_USAGE* usages) {
  EXTENDED_KEY_USAGE_free(usages);
}
using UsagesPtr = std::unique_ptr<EXTENDED_KEY_USAGE, FnDeleter<FreeUsages>>;
using BitStringPtr =
    std::unique_ptr<ASN1_BIT_STRING, FnDeleter<ASN1_BIT_STRING_free>>;

// The extension `nid`, in a Pointer of its type; null where there is none.
// Errors: `malformed` for one that is there twice or does not parse; kNoMemory.
template <typename Pointer>
Result<Pointer> ReadExtension(const X509* certificate, int nid,
                              const Error& malformed) {
  constexpr int kAbsent = -1;  // says libcrypto
  int critical = 0;
  Pointer value(static_cast<typename Pointer::pointer>(
      X509_get_ext_d2i(certificate, nid, &critical, nullptr)));
  if (!value && critical != kAbsent) {
    return CryptoError(malformed.code, malformed.what);
  }
  ERR_clear_error();
  return value;
}

// The bits, the first one highest.
inline Bytes BitsOf(const ASN1_BIT_STRING* string) {
  const unsigned char* const data = ASN1_STRING_get0_data(string);
  return {data, data + ASN1_STRING_length(string)};
}

// The OIDs, DER without tag and length.
inline std::vector<Bytes> OidsOf(const EXTENDED_KEY_USAGE* usages) {
  std::vector<Bytes> oids;
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages); ++i) {
    const ASN1_OBJECT* const oid = sk_ASN1_OBJECT_value(usages, i);
    const unsigned char* const data = OBJ_get0_data(oid);
    oids.emplace_back(data, data + OBJ_length(oid));
  }
  return oids;
}

}  // namespace ktlsd::handshake
