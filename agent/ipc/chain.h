// Certificate chains as payload of messages: each certificate behind a length
// of 3 bytes, big endian, end entity first.
//
// Layer:     agent/ipc.
// Threads:   pure functions.
#pragma once

#include <cstddef>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace ktlsd::agent {

// Appends to `payload`.
void AppendChain(const std::vector<Bytes>& chain, Bytes& payload);

// Reads exactly `certificates` certificates, none of them empty, from all of
// `payload`; else kApiMisuse.
Result<std::vector<Bytes>> ParseChain(ByteView payload,
                                      std::size_t certificates);

}  // namespace ktlsd::agent
