// libcrypto's asymmetric keys with an owner.
//
// Scope:     ownership only.
// Layer:     handshake/crypto, for its sources.
#pragma once

#include <openssl/evp.h>

#include <memory>

#include "base/fn_deleter.h"

namespace ktlsd::handshake {

// A private key is wiped by libcrypto when it is freed.
using PkeyPtr = std::unique_ptr<EVP_PKEY, FnDeleter<EVP_PKEY_free>>;
using PkeyContextPtr =
    std::unique_ptr<EVP_PKEY_CTX, FnDeleter<EVP_PKEY_CTX_free>>;

}  // namespace ktlsd::handshake
