// Identities of PSKs as payload of messages: each behind a length of 2 bytes,
// big endian.
//
// Layer:     agent/ipc.
// Threads:   pure functions.
#pragma once

#include <cstddef>
#include <vector>

#include "agent/ipc/wire_types.h"
#include "base/bytes.h"
#include "base/hkdf.h"
#include "base/result.h"

namespace ktlsd::agent {

// Appends to `payload`; an identity of more than kMaxIdentityBytes as empty.
void AppendIdentity(ByteView identity, Bytes& payload);

// Reads exactly `count` identities of at most kMaxIdentityBytes from all of
// `payload`; else kApiMisuse.
Result<std::vector<Bytes>> ParseIdentities(ByteView payload, std::size_t count);

WirePskHash ToWire(HashAlgorithm hash);
HashAlgorithm FromWire(WirePskHash hash);  // that is Valid()

}  // namespace ktlsd::agent
