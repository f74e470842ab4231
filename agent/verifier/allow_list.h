// Which of the valid certificates are taken.
//
// Scope:     compares one certificate with a list; that the certificate is
//            valid is somebody else's to check (handshake/peer_verifier.h).
// Layer:     agent/verifier; libcrypto.
// Threads:   Check is const.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "agent/ipc/wire_types.h"
#include "base/bytes.h"
#include "base/result.h"

namespace ktlsd::agent {

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

}  // namespace ktlsd::agent
