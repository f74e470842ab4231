// CPU of one side of a handshake in memory, for each case, side and library.
//
//   CASE/SIDE/WHO     WHO: floor, ours, remembered, libssl, gnutls
//
// The time is the thread's CPU time of that side alone, for one handshake of a
// batch (batch.h).
#include <benchmark/benchmark.h>

#include <cstddef>
#include <functional>
#include <string>

#include "tools/benchmarks/batch.h"
#include "tools/benchmarks/cases.h"
#include "tools/benchmarks/end.h"
#include "tools/benchmarks/floor.h"
#include "tools/benchmarks/gnutls_end.h"
#include "tools/benchmarks/libssl_end.h"
#include "tools/benchmarks/own_end.h"

namespace ktlsd::benchmarks {
namespace {

using MakeSide = std::function<MakeEnd(const Case&, Role)>;

void RunSide(benchmark::State& state, const Case& wanted, Role role,
             const MakeSide& make) {
  const MakeEnd client = make(wanted, Role::kClient);
  const MakeEnd server = make(wanted, Role::kServer);
  RunBatch(role, client, server);  // what is looked up once
  for (auto unused : state) {
    state.SetIterationTime(RunBatch(role, client, server) / kBatch);
  }
}

void RunFloor(benchmark::State& state, const Case& wanted, Role role) {
  const auto floor = FloorOf(wanted, role);
  floor();
  for (auto unused : state) {
    const double seconds = CpuOf([&] {
      for (std::size_t i = 0; i < kBatch; ++i) {
        floor();
      }
    });
    state.SetIterationTime(seconds / kBatch);
  }
}

template <typename Run>
void Register(const std::string& name, Run run) {
  benchmark::RegisterBenchmark(name.c_str(), run)
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

void RegisterSide(const Case& wanted, Role role) {
  const std::string prefix =
      wanted.name + (role == Role::kClient ? "/client/" : "/server/");
  const auto add = [&](const char* who, MakeSide make) {
    Register(prefix + who, [&wanted, role, make](benchmark::State& state) {
      RunSide(state, wanted, role, make);
    });
  };
  Register(prefix + "floor", [&wanted, role](benchmark::State& state) {
    RunFloor(state, wanted, role);
  });
  add("ours", [](const Case& one, Role which) {
    return OwnEnds(one, which, Contact::kFirst);
  });
  if (wanted.pki && (wanted.mutual || role == Role::kClient)) {
    add("remembered", [](const Case& one, Role which) {
      return OwnEnds(one, which, Contact::kRemembered);
    });
  }
  add("libssl", LibsslEnds);
  if (GnutlsEnds(wanted, role)) {
    add("gnutls", GnutlsEnds);
  }
}

}  // namespace
}  // namespace ktlsd::benchmarks

int main(int argc, char** argv) {
  using ktlsd::benchmarks::Role;
  const auto cases = ktlsd::benchmarks::MakeCases();
  for (const auto& wanted : cases) {
    for (const Role role : {Role::kClient, Role::kServer}) {
      ktlsd::benchmarks::RegisterSide(wanted, role);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
