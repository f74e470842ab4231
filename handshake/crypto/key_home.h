// Where libcrypto computes with a private key.
//
// Layer:     handshake/crypto.
// Threads:   value types.
#pragma once

struct ossl_lib_ctx_st;

namespace ktlsd::handshake {

// By default the process's own context. The key of a token is with the token's
// provider: another one would be asked first, and has its public half only.
struct KeyHome {
  ossl_lib_ctx_st* library = nullptr;
  const char* properties = nullptr;  // a literal, as "?provider=tpm2"
};

}  // namespace ktlsd::handshake
