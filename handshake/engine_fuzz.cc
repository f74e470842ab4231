// A client or a server engine fed with any bytes. The first byte chooses: bit 0
// the role (1: client), the others the most bytes of a read, less one; the
// second byte is FuzzRun::FromBits()'s.
//
// A peer without a valid certificate or PSK never gets through, every stream
// ends in a failure that is the peer's and not ours, and what we answer is
// bounded.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "handshake/testing/fuzz_world.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/world.h"

using namespace ktlsd;             // NOLINT(google-build-using-namespace)
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::size_t kMostOutput = 1U << 14;

constexpr std::size_t kHead = 2;
// Not that of other targets: what their engines send is nobody's answer here.
constexpr uint64_t kSeed = 2;

LocalPeer MakePeer(const FuzzRun& run, ByteView head) {
  const Setups setups = run.FromBits(head[1]);
  return (head[0] & 1) != 0 ? LocalPeer::Client(setups.client)
                            : LocalPeer::Server(setups.server);
}

// Takes all output; returns how much it was.
std::size_t Drain(LocalPeer& peer) {
  std::size_t taken = 0;
  while (!peer.engine().output().empty()) {
    const std::size_t size = peer.engine().output().size();
    peer.engine().Written(size);
    peer.Settle();
    taken += size;
  }
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < kHead) {
    return 0;
  }
  const FuzzRun run(kSeed);
  LocalPeer peer = MakePeer(run, ByteView(data, kHead));
  const std::size_t most = (data[0] >> 1) + std::size_t{1};
  ByteView rest = ByteView(data, size).subspan(kHead);
  std::size_t output = Drain(peer);
  while (!rest.empty() && peer.wants()) {
    const std::size_t count = std::min({*peer.wants(), most, rest.size()});
    Require(count > 0);
    peer.engine().Feed(rest.first(count));
    rest = rest.subspan(count);
    peer.Settle();
    output += Drain(peer);
  }
  Require(output <= kMostOutput && !peer.done());
  if (peer.wants()) {
    peer.engine().PeerClosed(/*reset=*/false);
  }
  Require(peer.failure() != nullptr);
  const CodeInfo& info = Describe(peer.failure()->error.code);
  Require(info.fault == Fault::kPeer);
  return 0;
}
