// An end by our own core, with what the daemon's keeper, verifier and monitor
// compute for it.
//
// Layer:     tools/benchmarks.
// Threads:   one.
#pragma once

#include "handshake/wire.h"
#include "tools/benchmarks/cases.h"
#include "tools/benchmarks/end.h"

namespace ktlsd::benchmarks {

enum class Contact : uint8_t {
  kFirst,       // no chain was seen before
  kRemembered,  // by the memory of verified chains
};

// `wanted` must outlive the maker.
MakeEnd OwnEnds(const Case& wanted, Role role, Contact contact);

}  // namespace ktlsd::benchmarks
