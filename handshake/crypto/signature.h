// CertificateVerify signatures (RFC 8446 section 4.4.3).
//
// Scope:     what is signed, which scheme fits which key, making and checking.
// Layer:     handshake/crypto.
// Threads:   pure functions; an EVP_PKEY may be shared.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/key_home.h"
#include "handshake/wire.h"

struct evp_pkey_st;

namespace ktlsd::handshake {

// The schemes we sign and verify CertificateVerify with, best first: those of
// the list in wire.h that the running libcrypto has. ML-DSA, where it has it,
// comes before the others.
std::span<const SignatureScheme> HandshakeSchemes();
// Those and the PKCS#1 ones that certificates may be signed with: what we
// send in signature_algorithms. Chain signatures by SHA-1 or MD5 are never
// accepted.
std::span<const SignatureScheme> CertificateSchemes();

// The schemes that `key` can sign with in TLS 1.3, best first (an ECDSA key
// has one, fixed by its curve; RSA has three; EdDSA and ML-DSA one).
std::vector<SignatureScheme> SchemesOfKey(evp_pkey_st* key);

// Whether there is one at all.
bool CanSign(evp_pkey_st* key);

// The content covered by a CertificateVerify: 64 spaces, the context string of
// the signer's role, a zero byte, the transcript hash.
Bytes CertificateVerifyContent(Role signer, const HashValue& transcript_hash);

// Signs that content at the key's `home`. kNoCommonSignatureScheme when `key`
// cannot sign with `scheme`; kCryptoFailed otherwise.
Result<Bytes> SignCertificateVerify(evp_pkey_st* key, SignatureScheme scheme,
                                    Role signer,
                                    const HashValue& transcript_hash,
                                    const KeyHome& home = {});

// Checks a peer's signature over that content.
// Errors: kIllegalParameter     the scheme does not fit the key or is not
//                               allowed in CertificateVerify
//         kBadCertificateVerify the signature is wrong
Status CheckCertificateVerify(evp_pkey_st* key, SignatureScheme scheme,
                              Role signer, const HashValue& transcript_hash,
                              ByteView signature);

}  // namespace ktlsd::handshake
