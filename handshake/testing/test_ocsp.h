// OCSP responses made in memory, for tests.
//
// Scope:     makes what is asked, sound or not; throws as test_pki.h.
// Layer:     handshake/testing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {

enum class OcspStatus : uint8_t { kGood, kRevoked, kUnknown };

// One statement about one certificate.
struct OcspStatement {
  const TestCertificate* subject = nullptr;
  const TestCertificate* issuer = nullptr;
  OcspStatus status = OcspStatus::kGood;
  CalendarTime this_update = kTestNow - std::chrono::hours(1);
  std::optional<CalendarTime> next_update = kTestNow + std::chrono::hours(1);
  std::string id_digest = "SHA1";  // by which it names the certificate
  bool id_digest_nobody_knows = false;
  bool malformed_time = false;
  bool critical_extension = false;
};

struct OcspSpec {
  std::vector<OcspStatement> statements;
  const TestCertificate* signer = nullptr;
  std::string digest = "SHA256";
  bool pss = false;                 // for RSA keys
  bool include_signer = true;       // its certificate goes with the response
  bool critical_extension = false;  // one nobody knows
  bool flip_signature_bit = false;
};

// The response in DER.
Bytes OcspResponse(const OcspSpec& spec);

// A response without a statement, "tryLater".
Bytes OcspTryLater();

}  // namespace ktlsd::handshake
