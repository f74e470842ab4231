// The CPU time of the thread that asks.
//
// Layer:     tools/benchmarks.
#pragma once

#include <ctime>

namespace ktlsd::benchmarks {

inline double CpuSeconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace ktlsd::benchmarks
