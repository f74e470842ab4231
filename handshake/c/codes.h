// The C ABI's numbers for the error table's codes.
//
// Layer:     handshake/c.
#pragma once

#include <optional>

#include "base/error_codes.h"
#include "handshake/c/ktlsd_codes.h"

namespace ktlsd::handshake {

// KTLSD_INTERNAL for the codes that only the daemon uses.
ktlsd_code NumberOf(Code code);

// The code whose number `number` is; none for KTLSD_OK, KTLSD_END and numbers
// that are not given out.
std::optional<Code> CodeOfNumber(int number);

}  // namespace ktlsd::handshake
