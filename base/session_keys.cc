#include "base/session_keys.h"

namespace ktlsd {

std::string_view CipherSuiteName(CipherSuite suite) {
  switch (suite) {
    case CipherSuite::kAes128GcmSha256:
      return "TLS_AES_128_GCM_SHA256";
    case CipherSuite::kAes256GcmSha384:
      return "TLS_AES_256_GCM_SHA384";
    case CipherSuite::kChaCha20Poly1305Sha256:
      return "TLS_CHACHA20_POLY1305_SHA256";
    case CipherSuite::kAes128CcmSha256:
      return "TLS_AES_128_CCM_SHA256";
  }
  return "unknown";
}

}  // namespace ktlsd
