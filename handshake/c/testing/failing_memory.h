// Memory that runs out: the n-th allocation of a program fails, for every n.
//
// Scope:     operator new and libcrypto's own allocations. A program that links
//            this has both replaced; nothing fails but inside WithFailure.
// Layer:     handshake/c, tests only.
// Threads:   one; the counters are global, for operator new is.
#pragma once

#include <cstdio>
#include <utility>

#include "gtest/gtest.h"

namespace ktlsd::handshake {

struct Allocations {
  bool counting = false;
  long seen = 0;         // since counting began
  long failing = 0;      // the one that fails, counted from 1; 0: none
  bool lasting = false;  // and all that follow it
  long ours = 0;         // of operator new, not freed
  bool ours_failed = false;
  // Whose calls are being made, as the test says, and whose was the one whose
  // allocation failed.
  const void* acting = nullptr;
  const void* failed_for = nullptr;
};
extern Allocations allocations;

// Whether libcrypto allocates by us: it may have begun before.
bool CryptoMemoryCanFail();

// What happens while it lives is not of the code under test: it never fails.
class Uncounted {
 public:
  Uncounted() : before_(std::exchange(allocations.counting, false)) {}
  ~Uncounted() { allocations.counting = before_; }
  Uncounted(const Uncounted&) = delete;
  Uncounted& operator=(const Uncounted&) = delete;

 private:
  const bool before_;
};

// Every how many allocations one fails: each of them, or $KTLSD_SWEEP_STEP,
// which .bazelrc sets where programs are slow. There it is a prime, so that no
// pattern of the code's own hides behind it.
long SweepStep();

// What `run` returns with the allocation number `failing` failing; 0: none.
// `run` must not allocate but through libktlsd.
template <typename Run>
auto FailAt(long failing, Run&& run) {
  allocations.seen = 0;
  allocations.failing = failing;
  allocations.ours_failed = false;
  allocations.acting = nullptr;
  allocations.failed_for = nullptr;
  allocations.counting = true;
  auto outcome = run();
  allocations.counting = false;
  return outcome;
}

// The same, of what keeps nothing.
template <typename Run>
auto WithFailure(long failing, Run&& run) {
  const long before = allocations.ours;
  auto outcome = FailAt(failing, run);
  EXPECT_EQ(allocations.ours, before) << "leaked at allocation " << failing;
  return outcome;
}

// Lets every allocation of `run` fail in turn. `succeeded(outcome)` says
// whether that is the outcome with all memory, and expects of it, by gtest,
// what must hold for any outcome. libcrypto gets by without many of its
// allocations (a decoder that fails is followed by the next one); we without
// none of ours. There must be at least `least` of them.
template <typename Run, typename Succeeded>
void FailEachAllocation(const char* what, long least, Run&& run,
                        Succeeded&& succeeded) {
  ASSERT_TRUE(CryptoMemoryCanFail());
  run();  // makes what the process keeps
  WithFailure(0, run);
  const long points = allocations.seen;
  ASSERT_GE(points, least) << what;
  long tried = 0;
  long failed = 0;
  for (long n = 1; n <= points; n += SweepStep()) {
    const bool good = succeeded(WithFailure(n, run));
    ASSERT_FALSE(good && allocations.ours_failed) << what << ", " << n;
    ASSERT_FALSE(testing::Test::HasFailure()) << what << ", " << n;
    ++tried;
    failed += good ? 0 : 1;
  }
  EXPECT_TRUE(succeeded(WithFailure(0, run))) << what;
  std::printf(
      "%s: %ld of %ld allocations failed in turn, %ld ended in an "
      "error\n",
      what, tried, points, failed);
}

}  // namespace ktlsd::handshake
