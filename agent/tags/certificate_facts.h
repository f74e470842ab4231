// What filters look at in a peer's certificate.
//
// Scope:     reads a certificate that was verified; parsing is libcrypto's.
// Layer:     agent/tags.
// Threads:   value types.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace ktlsd::agent {

struct CertificateFacts {
  // By name ("ecdsa-with-SHA256") and by number ("1.2.840.10045.4.3.2").
  std::string signature_algorithm;
  std::string signature_algorithm_oid;
  int64_t version = 0;  // 3 is X.509v3
  std::string serial;   // hexadecimal, lower case, whole bytes
  // As in RFC 4514: what a value holds of ,+"\<>; stands behind a backslash.
  std::string issuer;
  std::string subject;
  std::chrono::sys_seconds not_before{};
  std::chrono::sys_seconds not_after{};
  // The bits of keyUsage, the first one lowest; 0 without the extension.
  uint32_t key_usage = 0;
  std::string sha1;  // of the certificate: hexadecimal, lower case
  std::string sha256;
  bool self_signed = false;  // issuer and subject are equal
};

// Errors: kCertificateMalformed, kNoMemory.
Result<CertificateFacts> FactsOf(ByteView der);

}  // namespace ktlsd::agent
