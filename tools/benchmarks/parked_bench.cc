// CPU of a fresh handshake while others wait for their peers: PARKED/SIDE/N of
// them, of both sides each.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "tools/benchmarks/batch.h"
#include "tools/benchmarks/cases.h"
#include "tools/benchmarks/end.h"
#include "tools/benchmarks/own_end.h"

namespace ktlsd::benchmarks {
namespace {

struct Parked {
  std::unique_ptr<End> client;
  std::unique_ptr<End> server;
};

void BesideParked(benchmark::State& state, const Case& wanted, Role role) {
  const MakeEnd client = OwnEnds(wanted, Role::kClient, Contact::kFirst);
  const MakeEnd server = OwnEnds(wanted, Role::kServer, Contact::kFirst);
  std::vector<Parked> parked(static_cast<std::size_t>(state.range(0)));
  for (Parked& pair : parked) {
    pair = {client(), server()};
    Bytes hello;
    pair.client->Go({}, hello);
    Bytes flight;
    pair.server->Go(hello, flight);
  }
  for (auto unused : state) {
    state.SetIterationTime(RunBatch(role, client, server) / kBatch);
  }
}

}  // namespace
}  // namespace ktlsd::benchmarks

int main(int argc, char** argv) {
  using ktlsd::benchmarks::Role;
  const auto cases = ktlsd::benchmarks::MakeCases();
  for (const Role role : {Role::kClient, Role::kServer}) {
    benchmark::RegisterBenchmark(
        role == Role::kClient ? "parked/client" : "parked/server",
        [&cases, role](benchmark::State& state) {
          ktlsd::benchmarks::BesideParked(state, cases.front(), role);
        })
        ->Arg(1)
        ->Arg(100)
        ->Arg(10000)
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
