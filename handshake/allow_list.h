// Which of the valid certificates are taken.
//
// Scope:     compares one certificate with a list; that the certificate is
//            valid is somebody else's to check (peer_verifier.h).
// Layer:     handshake.
// Threads:   Check is const.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

namespace ktlsd::handshake {

// What of a certificate an entry of the list names.
enum class AllowedBy : uint8_t {
  kDns = 1,      // a dNSName: lower case, and no wildcard stands for anything
  kUri = 2,      // a uniformResourceIdentifier, byte for byte
  kEmail = 3,    // an rfc822Name, byte for byte
  kIp = 4,       // an iPAddress: its 4 or 16 bytes
  kSubject = 5,  // the subject as in RFC 2253, as logs have it
  kFingerprint = 6,  // SHA-256 of the certificate in DER: 32 bytes
};

constexpr bool IsValid(AllowedBy by) {
  return by >= AllowedBy::kDns && by <= AllowedBy::kFingerprint;
}

// Of an entry, in bytes: what is longer matches nothing. A subject that is as
// long may have been cut.
inline constexpr std::size_t kMaxAllowedValue = 254;

class AllowList {
 public:
  void Add(AllowedBy by, std::string value);
  bool empty() const { return entries_.empty(); }

  // Is the certificate `der` in the list? Costs a parse of it, and a look-up
  // for each of its names.
  // Errors: kClientNotAllowed; kCertificateMalformed, kNoMemory.
  Status Check(ByteView der) const;

 private:
  std::set<std::pair<AllowedBy, std::string>> entries_;
};

// The SHA-256 of `der`, 32 bytes as a string. Errors: kNoMemory, kCryptoFailed.
Result<std::string> CertificateFingerprint(ByteView der);

}  // namespace ktlsd::handshake
