// An end by libssl, tuned: one SSL_CTX for all connections, short lists, no
// chain that it builds itself, no tickets.
//
// Layer:     tools/benchmarks.
// Threads:   one.
#pragma once

#include "handshake/wire.h"
#include "tools/benchmarks/cases.h"
#include "tools/benchmarks/end.h"

namespace ktlsd::benchmarks {

// `wanted` must outlive the maker.
MakeEnd LibsslEnds(const Case& wanted, Role role);

}  // namespace ktlsd::benchmarks
