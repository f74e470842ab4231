#include "handshake/c/testing/failing_memory.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace ktlsd::handshake {

Allocations allocations;

long SweepStep() {
  static const long step = [] {
    const char* text = std::getenv("KTLSD_SWEEP_STEP");
    const long given = text == nullptr ? 1 : std::strtol(text, nullptr, 10);
    return std::max(given, 1L);
  }();
  return step;
}

}  // namespace ktlsd::handshake

using ktlsd::handshake::allocations;

namespace {

bool Fails() {
  if (!allocations.counting) {
    return false;
  }
  const long n = ++allocations.seen;
  const long first = allocations.failing;
  const bool later = allocations.lasting && first != 0 && n > first;
  if (n != first && !later) {
    return false;
  }
  allocations.failed_for = allocations.acting;
  return true;
}

void* CryptoMalloc(size_t size, const char*, int) {
  return Fails() ? nullptr : std::malloc(size);
}
void* CryptoRealloc(void* old, size_t size, const char*, int) {
  return Fails() ? nullptr : std::realloc(old, size);
}
void CryptoFree(void* memory, const char*, int) { std::free(memory); }

// Before libcrypto allocates for the first time.
const bool replaced =
    CRYPTO_set_mem_functions(CryptoMalloc, CryptoRealloc, CryptoFree) == 1;

}  // namespace

void* operator new(std::size_t size) {
  void* const memory = Fails() ? nullptr : std::malloc(size);
  if (memory == nullptr) {
    allocations.ours_failed = true;
    throw std::bad_alloc();
  }
  ++allocations.ours;
  return memory;
}
void operator delete(void* memory) noexcept {
  allocations.ours -= memory == nullptr ? 0 : 1;
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  operator delete(memory);
}

namespace ktlsd::handshake {

bool CryptoMemoryCanFail() { return replaced; }

}  // namespace ktlsd::handshake
