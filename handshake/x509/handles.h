// Owners of libcrypto's X.509 objects.
//
// Layer:     handshake/x509.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <memory>

#include "base/libcrypto.h"

namespace ktlsd::handshake {

inline void FreeX509Stack(STACK_OF(X509) * stack) {
  sk_X509_pop_free(stack, X509_free);
}

inline void FreeCrlStack(STACK_OF(X509_CRL) * stack) {
  sk_X509_CRL_pop_free(stack, X509_CRL_free);
}

using X509Ptr = std::unique_ptr<X509, FnDeleter<X509_free>>;
using X509CrlPtr = std::unique_ptr<X509_CRL, FnDeleter<X509_CRL_free>>;
using X509StackPtr = std::unique_ptr<STACK_OF(X509), FnDeleter<FreeX509Stack>>;
using CrlStackPtr =
    std::unique_ptr<STACK_OF(X509_CRL), FnDeleter<FreeCrlStack>>;
using X509StorePtr = std::unique_ptr<X509_STORE, FnDeleter<X509_STORE_free>>;
using X509StoreContextPtr =
    std::unique_ptr<X509_STORE_CTX, FnDeleter<X509_STORE_CTX_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, FnDeleter<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, FnDeleter<BIO_free>>;

}  // namespace ktlsd::handshake
