// What a fuzzer needs: a world made once, and a way to stop.
//
// Layer:     handshake/testing.
// Threads:   made by the first call.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

#include "handshake/testing/test_pki.h"
#include "handshake/testing/world.h"

namespace ktlsd::handshake {

inline const World& FuzzWorld() {
  static const World kWorld(KeyKind::kEd25519);
  return kWorld;
}

// Stops the fuzzer, and says where, unless `holds`.
inline void Require(
    bool holds, std::source_location where = std::source_location::current()) {
  if (!holds) {
    std::fprintf(stderr, "%s:%u: does not hold\n", where.file_name(),
                 static_cast<unsigned>(where.line()));
    std::abort();
  }
}

}  // namespace ktlsd::handshake
