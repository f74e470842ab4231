#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>

#include "tools/bazel/examples/door.h"

namespace {

void BM_Knock(benchmark::State& state) {
  const ktlsd::Door door;
  const std::array<uint8_t, 4> knock{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(door.Knock(knock));
  }
}
BENCHMARK(BM_Knock);

}  // namespace
