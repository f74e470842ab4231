// Private keys in tokens, as the configuration names them: by URL.
//
//   pkcs11:token=T;object=K?module-path=/usr/lib/x.so&pin-source=/etc/pin
//                         RFC 7512; the module is p11-kit's unless named
//   tpmkey:file=/etc/key  a key file of the TPM ("TSS2 PRIVATE KEY")
//   handle:0x81000001     a persistent key of the TPM
//
// each with ?pin-source= (a file, or credential:NAME of the service manager).
//
// Scope:     text in, values out; nothing is opened.
// Layer:     agent/keeper; the monitor asks which keys are URLs.
// Threads:   pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ktlsd::agent {

enum class TokenKind : uint8_t { kPkcs11, kTpm };

struct TokenUrl {
  TokenKind kind{};
  std::string object;      // what libcrypto's loader is to load
  std::string module;      // of PKCS#11; empty: none is named
  std::string pin_source;  // empty: none
};

// Is `key` a URL of a token, and not the name of a file?
bool IsTokenUrl(std::string_view key);

// Errors: kPrivateKeyUnusable, with the reason. A PIN that stands in the URL is
//         refused: the configuration is for everybody to read.
Result<TokenUrl> ParseTokenUrl(std::string_view url);

// `url` as it may stand in a log: nothing of a PIN.
std::string LoggableUrl(std::string_view url);

}  // namespace ktlsd::agent
