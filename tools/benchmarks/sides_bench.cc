// CPU of one side of a handshake in memory, for each case, side and library.
//
//   CASE/SIDE/WHO     WHO: floor, ours, remembered, libssl, gnutls
//
// The time is the thread's CPU time of that side alone, for one handshake. Many
// handshakes go on beside each other, as in a server, and the clock is read
// once for all of them; the other side's turns are not counted.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/benchmarks/cases.h"
#include "tools/benchmarks/cpu_clock.h"
#include "tools/benchmarks/end.h"
#include "tools/benchmarks/floor.h"
#include "tools/benchmarks/gnutls_end.h"
#include "tools/benchmarks/libssl_end.h"
#include "tools/benchmarks/own_end.h"

namespace ktlsd::benchmarks {
namespace {

constexpr std::size_t kBatch = 16;  // handshakes beside each other

// One side of a batch.
struct Half {
  std::vector<std::unique_ptr<End>> ends;
  std::vector<Bytes> sent = std::vector<Bytes>(kBatch);

  bool done() const {
    for (const auto& end : ends) {
      if (!end->done()) {
        return false;
      }
    }
    return true;
  }

  void Start(const MakeEnd& make) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      ends.push_back(make());
    }
  }

  // Everyone's turn: takes what was sent to it and answers.
  void Turn(Half& peer) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      sent[i].clear();
      ends[i]->Go(peer.sent[i], sent[i]);
    }
  }
};

template <typename Work>
double CpuOf(Work&& work) {
  const double begin = CpuSeconds();
  work();
  return CpuSeconds() - begin;
}

// The CPU time of one side of a batch, from making its ends to freeing them.
double RunBatch(Role measured, const MakeEnd& client, const MakeEnd& server) {
  std::array<double, 2> seconds{};
  Half clients;
  Half servers;
  double& of_client = seconds[static_cast<std::size_t>(Role::kClient)];
  double& of_server = seconds[static_cast<std::size_t>(Role::kServer)];
  of_client += CpuOf([&] { clients.Start(client); });
  of_server += CpuOf([&] { servers.Start(server); });
  for (int turns = 0; !clients.done() || !servers.done(); ++turns) {
    Need(turns < 10, "a handshake does not end");
    of_client += CpuOf([&] { clients.Turn(servers); });
    of_server += CpuOf([&] { servers.Turn(clients); });
  }
  of_client += CpuOf([&] { clients.ends.clear(); });
  of_server += CpuOf([&] { servers.ends.clear(); });
  return seconds[static_cast<std::size_t>(measured)];
}

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
