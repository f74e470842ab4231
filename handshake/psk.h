// What is computed from an external PSK itself (RFC 8446 sections 4.2.11.2 and
// 7.1): for those who hold it, the daemon's monitor and embedding programs. The
// states of a handshake only ask for the results (psk_wait.h).
//
// Layer:     handshake; the states do not depend on it.
// Threads:   pure functions.
#pragma once

#include <cstddef>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "handshake/crypto/digest.h"
#include "handshake/psk_wait.h"

namespace ktlsd::handshake {

// An external PSK of 1 to 256 bytes.
using PskKey = Secret<256>;

// The hash that a PSK is for when its identity is one of NVMe/TCP (NVMe TCP
// Transport Specification section 3.6.1.3: "NVMe1R01 ..." for SHA-256 and
// "NVMe1R02 ..." for SHA-384, version 0 or 1, type R or G); nothing for any
// other identity, whose hash is a matter of configuration.
// Errors: kKeyRejected for an NVMe identity with another hash, or with a key
//         whose length in bytes is not that hash's.
Result<std::optional<HashAlgorithm>> NvmePskHash(ByteView identity,
                                                 std::size_t key_size);

// Errors: kApiMisuse for an empty PSK.
Result<HashSecret> PskBinder(const PskKey& psk,
                             const PskBinderRequest& request);
Result<HashSecret> PskHandshakeSecret(const PskKey& psk,
                                      const PskSecretRequest& request);

// Whether the binder is that of `psk`, compared in constant time.
// Errors: kBadPskBinder, and those of PskBinder.
Status CheckPskBinder(const PskKey& psk, const PskProof& proof);

}  // namespace ktlsd::handshake
