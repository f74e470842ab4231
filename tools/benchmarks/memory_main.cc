// What handshakes allocate: a line `GROUP WHO VALUE UNIT` for each number.
//
//   memory/CASE/SIDE       of one whole handshake
//   memory/parked/SIDE     of each of many that wait for their peer
#include <cstddef>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "tools/benchmarks/cases.h"
#include "tools/benchmarks/counted_memory.h"
#include "tools/benchmarks/end.h"
#include "tools/benchmarks/own_end.h"

namespace ktlsd::benchmarks {
namespace {

constexpr std::size_t kFlight = 1U << 14;  // bytes; more than any
constexpr int kMostTurns = 10;

// One end, with what it allocates.
struct CountedEnd {
  Ledger& ledger = NewLedger();
  std::unique_ptr<End> end;
  Bytes sent;

  void Start(const MakeEnd& make) {
    const Counting counting(ledger);
    end = make();
  }
  void Turn(const Bytes& received) {
    sent.clear();
    sent.reserve(kFlight);  // the socket's, as it were
    const Counting counting(ledger);
    end->Go(received, sent);
  }
};

struct Pair {
  CountedEnd client;
  CountedEnd server;
};

// Goes on until both are done, or for `turns` of both.
void Run(Pair& pair, const MakeEnd& client, const MakeEnd& server, int turns) {
  pair.client.Start(client);
  pair.server.Start(server);
  for (int i = 0;
       i < turns && !(pair.client.end->done() && pair.server.end->done());
       ++i) {
    pair.client.Turn(pair.server.sent);
    pair.server.Turn(pair.client.sent);
  }
}

void Print(const std::string& group, std::string_view who, std::size_t value,
           std::string_view unit) {
  std::cout << group << ' ' << who << ' ' << value << ' ' << unit << '\n';
}

void PrintWhole(const std::string& group, const Ledger& ledger) {
  Print(group, "own", ledger.own.allocations, "allocations");
  Print(group, "libcrypto", ledger.libcrypto.allocations, "allocations");
  Print(group, "own_peak", ledger.own.peak, "bytes");
  Print(group, "libcrypto_peak", ledger.libcrypto.peak, "bytes");
}

void PrintCase(const Case& wanted) {
  const MakeEnd client = OwnEnds(wanted, Role::kClient, Contact::kFirst);
  const MakeEnd server = OwnEnds(wanted, Role::kServer, Contact::kFirst);
  Pair first;  // for what is looked up once
  Run(first, client, server, kMostTurns);
  Pair pair;
  Run(pair, client, server, kMostTurns);
  Need(pair.client.end->done() && pair.server.end->done(), "not done");
  PrintWhole("memory/" + wanted.name + "/client", pair.client.ledger);
  PrintWhole("memory/" + wanted.name + "/server", pair.server.ledger);
}

// Clients wait for the server's flight, servers for the client's.
void PrintParked(const Case& wanted, std::size_t count) {
  const MakeEnd client = OwnEnds(wanted, Role::kClient, Contact::kFirst);
  const MakeEnd server = OwnEnds(wanted, Role::kServer, Contact::kFirst);
  std::vector<Pair> pairs(count);
  Ledger clients;
  Ledger servers;
  for (Pair& pair : pairs) {
    Run(pair, client, server, 1);
    pair.client.sent = pair.server.sent = Bytes();
    clients.own.live += pair.client.ledger.own.live;
    clients.libcrypto.live += pair.client.ledger.libcrypto.live;
    servers.own.live += pair.server.ledger.own.live;
    servers.libcrypto.live += pair.server.ledger.libcrypto.live;
  }
  Print("memory/parked/client", "own", clients.own.live / count, "bytes");
  Print("memory/parked/client", "libcrypto", clients.libcrypto.live / count,
        "bytes");
  Print("memory/parked/server", "own", servers.own.live / count, "bytes");
  Print("memory/parked/server", "libcrypto", servers.libcrypto.live / count,
        "bytes");
}

}  // namespace
}  // namespace ktlsd::benchmarks

int main(int argc, char** argv) {
  ktlsd::benchmarks::CountLibcrypto();
  const std::size_t parked = argc > 1 ? std::stoul(argv[1]) : 10000;
  const auto cases = ktlsd::benchmarks::MakeCases();
  for (const auto& wanted : cases) {
    ktlsd::benchmarks::PrintCase(wanted);
  }
  ktlsd::benchmarks::PrintParked(cases.front(), parked);
  return 0;
}
