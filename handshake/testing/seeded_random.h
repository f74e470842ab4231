// Randomness that repeats: while a SeededRandom lives, all that libcrypto draws
// in this process (hello randoms, ephemeral keys, nonces, serial numbers) comes
// from a generator with a seed.
//
// Scope:     for fuzzers and tests, which must do the same for the same input.
//            Nothing made meanwhile is secret. The build lets only targets for
//            tests see this one, so that no product can link it.
// Layer:     handshake/testing.
// Threads:   one thread of a process, which must be the only one that uses
//            libcrypto.
#pragma once

#include <cstdint>
#include <random>

struct rand_meth_st;

namespace ktlsd::handshake {

class SeededRandom {
 public:
  // May be nested: the inner one draws from its own seed, and the outer one
  // then goes on where it was. Throws std::runtime_error when libcrypto
  // refuses: a run that does not repeat must not look like one that does.
  explicit SeededRandom(uint64_t seed);
  SeededRandom(const SeededRandom&) = delete;
  SeededRandom& operator=(const SeededRandom&) = delete;
  ~SeededRandom();

 private:
  static int Fill(unsigned char* out, int size);
  static const rand_meth_st* Method();

  static SeededRandom* current_;

  // Its numbers are laid down by the C++ standard: the same everywhere.
  std::mt19937_64 generator_;
  SeededRandom* const outer_;
  const rand_meth_st* const method_before_;
};

}  // namespace ktlsd::handshake
