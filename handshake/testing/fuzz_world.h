// What a fuzzer needs: a world that is the same in every process, randomness
// that is the same for every input, and a way to stop.
//
// Layer:     handshake/testing.
// Threads:   one thread; the world is made by the first run.
#pragma once

#include <cstdint>
#include <source_location>

#include "handshake/testing/seeded_random.h"
#include "handshake/testing/world.h"

namespace ktlsd::handshake {

// With the same keys in every process.
const World& FuzzWorld();

// One input of a fuzz target, while it is tried: the engines send the same
// bytes whenever they are given the same.
class FuzzRun {
 public:
  // A target whose engines must not meet what another's sent has its own seed.
  explicit FuzzRun(uint64_t seed = 1);

  // Both ends as the bits say, 1 for yes:
  //   0  a HelloRetryRequest           4  no middlebox compatibility
  //   1  PSKs instead of certificates  5  no certificate asked of the client
  //   2  record_size_limit             6  the client has no certificate
  //   3  ALPN                          7  the client asks for OCSP
  Setups FromBits(uint8_t bits) const;

 private:
  const World& world_;
  const SeededRandom random_;
};

// Stops the fuzzer, and says where, unless `holds`.
void Require(bool holds,
             std::source_location where = std::source_location::current());

}  // namespace ktlsd::handshake
