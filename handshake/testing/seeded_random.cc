#include "handshake/testing/seeded_random.h"

// RAND_METHOD is the one way to replace the generator in OpenSSL 3.0; a
// provider's generator can be chosen since 3.1 only.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>

#include <span>
#include <stdexcept>
#include <utility>

namespace ktlsd::handshake {

SeededRandom* SeededRandom::current_ = nullptr;

SeededRandom::SeededRandom(uint64_t seed)
    : generator_(seed),
      outer_(std::exchange(current_, this)),
      method_before_(RAND_get_rand_method()) {
  if (RAND_set_rand_method(Method()) != 1) {
    current_ = outer_;
    throw std::runtime_error("libcrypto keeps its random generator");
  }
}

SeededRandom::~SeededRandom() {
  current_ = outer_;
  RAND_set_rand_method(method_before_);
}

int SeededRandom::Fill(unsigned char* out, int size) {
  if (current_ == nullptr || size < 0) {
    return 0;
  }
  uint64_t number = 0;
  std::size_t left = 0;  // bytes of `number` that were not used yet
  for (unsigned char& byte : std::span(out, static_cast<std::size_t>(size))) {
    if (left == 0) {
      number = current_->generator_();
      left = sizeof number;
    }
    byte = static_cast<unsigned char>(number & 0xff);
    number >>= 8;
    --left;
  }
  return 1;
}

const rand_meth_st* SeededRandom::Method() {
  static const RAND_METHOD kMethod = {
      .seed = [](const void*, int) { return 1; },
      .bytes = Fill,
      .cleanup = nullptr,
      .add = [](const void*, int, double) { return 1; },
      .pseudorand = Fill,
      .status = [] { return 1; },
  };
  return &kMethod;
}

}  // namespace ktlsd::handshake
