// Randomness that is the same in every run, for fuzzers: a crash must happen
// again with the same input.
//
// Scope:     all that libcrypto draws in this process, keys and nonces too;
//            nothing secret may be made after it.
// Layer:     handshake/testing.
// Threads:   one.
#pragma once

#include <cstdint>

namespace ktlsd::handshake {

// From here on libcrypto draws the sequence of `seed`, from its start.
void SeedRandom(uint64_t seed);

}  // namespace ktlsd::handshake
