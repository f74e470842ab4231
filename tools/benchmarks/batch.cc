#include "tools/benchmarks/batch.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace ktlsd::benchmarks {
namespace {

// One side of a batch.
class Half {
 public:
  void Start(const MakeEnd& make) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      ends_.push_back(make());
    }
  }

  // Everyone's turn: takes what was sent to it and answers.
  void Turn(const Half& peer) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      sent_[i].clear();
      ends_[i]->Go(peer.sent_[i], sent_[i]);
    }
  }

  void Free() { ends_.clear(); }

  bool done() const {
    return std::ranges::all_of(ends_,
                               [](const auto& end) { return end->done(); });
  }

 private:
  std::vector<std::unique_ptr<End>> ends_;
  std::vector<Bytes> sent_ = std::vector<Bytes>(kBatch);
};

constexpr int kMostTurns = 10;

}  // namespace

double RunBatch(Role measured, const MakeEnd& client, const MakeEnd& server) {
  Half clients;
  Half servers;
  double of_client = CpuOf([&] { clients.Start(client); });
  double of_server = CpuOf([&] { servers.Start(server); });
  for (int turns = 0; !clients.done() || !servers.done(); ++turns) {
    Need(turns < kMostTurns, "a handshake does not end");
    of_client += CpuOf([&] { clients.Turn(servers); });
    of_server += CpuOf([&] { servers.Turn(clients); });
  }
  of_client += CpuOf([&] { clients.Free(); });
  of_server += CpuOf([&] { servers.Free(); });
  return measured == Role::kClient ? of_client : of_server;
}

}  // namespace ktlsd::benchmarks
