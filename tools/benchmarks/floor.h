// The public-key operations that a side of a handshake cannot avoid, each by
// the fastest calls that libcrypto has for it: contexts are kept wherever the
// key is the same each time.
//
// Layer:     tools/benchmarks.
// Threads:   one.
#pragma once

#include <functional>

#include "handshake/wire.h"
#include "tools/benchmarks/cases.h"
#include "tools/benchmarks/end.h"

namespace ktlsd::benchmarks {

// What does them all once: a key pair and an agreement (with ML-KEM's half
// where the group has one), a signature where the side shows a certificate,
// two verifications where the peer does. Needs `wanted` only for itself.
std::function<void()> FloorOf(const Case& wanted, Role role);

}  // namespace ktlsd::benchmarks
