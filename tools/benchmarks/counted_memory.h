// Counts what a program allocates, by whom: our own code (operator new) and
// libcrypto (its memory functions), for the ledger that is open.
//
// Scope:     replaces operator new and delete of the program it is linked into.
// Layer:     tools/benchmarks.
// Threads:   one.
#pragma once

#include <cstddef>

namespace ktlsd::benchmarks {

struct Account {
  std::size_t allocations = 0;
  std::size_t live = 0;  // bytes
  std::size_t peak = 0;  // bytes, of `live`
};

struct Ledger {
  Account own;
  Account libcrypto;
};

// An empty one. It lasts as long as the program: libcrypto keeps blocks, and
// each block counts in its ledger when it is freed.
Ledger& NewLedger();

// Before libcrypto allocates anything: counts for it from now on.
void CountLibcrypto();

// While it lives, `ledger` is open; nested ones take turns.
class Counting {
 public:
  explicit Counting(Ledger& ledger);
  ~Counting();
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;

 private:
  Ledger* before_;
};

}  // namespace ktlsd::benchmarks
