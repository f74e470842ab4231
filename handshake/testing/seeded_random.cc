#include "handshake/testing/seeded_random.h"

// RAND_METHOD is deprecated, for it replaces what must not be replaced: here
// that is what it is for.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <span>

namespace ktlsd::handshake {
namespace {

std::mt19937_64& Generator() {
  static std::mt19937_64 generator;
  return generator;
}

int Draw(unsigned char* out, int size) {
  std::ranges::generate(std::span(out, static_cast<std::size_t>(size)), [] {
    return static_cast<unsigned char>(Generator()());
  });
  return 1;
}

int Ready() { return 1; }

constexpr RAND_METHOD kSeeded = {.seed = nullptr,
                                 .bytes = Draw,
                                 .cleanup = nullptr,
                                 .add = nullptr,
                                 .pseudorand = Draw,
                                 .status = Ready};

}  // namespace

void SeedRandom(uint64_t seed) {
  Generator().seed(seed);
  if (RAND_set_rand_method(&kSeeded) != 1) {
    std::abort();  // a run that cannot be repeated is of no use
  }
}

}  // namespace ktlsd::handshake
