// The client's pre_shared_key extension (RFC 8446 section 4.2.11).
//
// Scope:     syntax only.
// Layer:     handshake/codec, for client_hello.cc only.
// Threads:   pure functions.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/codec/messages.h"

namespace ktlsd::handshake {

// Reads the extension's data; truncated_size is left at 0.
// Errors: kDecodeError; kIllegalParameter when there are not as many binders
//         as identities.
Result<OfferedPsks> ParseOfferedPsks(ByteView data);

void WriteOfferedPsks(ByteWriter& out, const OfferedPsks& psks);

}  // namespace ktlsd::handshake
