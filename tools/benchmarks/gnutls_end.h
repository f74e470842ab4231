// An end by GnuTLS, used as tlshd uses it in the child of each handshake: the
// priorities are parsed once, while the trust store, the certificate and the
// key are parsed for every handshake. Its fork is not counted.
//
// Layer:     tools/benchmarks.
// Threads:   one.
#pragma once

#include "handshake/wire.h"
#include "tools/benchmarks/cases.h"
#include "tools/benchmarks/end.h"

namespace ktlsd::benchmarks {

// `wanted` must outlive the maker. Null where GnuTLS cannot do the case.
MakeEnd GnutlsEnds(const Case& wanted, Role role);

}  // namespace ktlsd::benchmarks
