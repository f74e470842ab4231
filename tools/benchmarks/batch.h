// Handshakes that go on beside each other, as in a server, with the CPU time of
// one side alone: the clock, a system call, is read once for a turn of all.
//
// Layer:     tools/benchmarks.
// Threads:   one.
#pragma once

#include <cstddef>

#include "tools/benchmarks/cpu_clock.h"
#include "tools/benchmarks/end.h"

namespace ktlsd::benchmarks {

inline constexpr std::size_t kBatch = 16;  // handshakes

// CPU seconds of this thread for `work`.
template <typename Work>
double CpuOf(Work&& work) {
  const double begin = CpuSeconds();
  work();
  return CpuSeconds() - begin;
}

// Makes and ends kBatch handshakes. Returns the CPU seconds of one side of them
// all, from making its ends to freeing them.
double RunBatch(Role measured, const MakeEnd& client, const MakeEnd& server);

}  // namespace ktlsd::benchmarks
