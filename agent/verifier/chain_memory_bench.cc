// What a peer costs the verifier at first contact, and when it comes back.
#include <benchmark/benchmark.h>

#include <ctime>
#include <stdexcept>
#include <utility>
#include <variant>

#include "agent/ipc/wire_types.h"
#include "agent/verifier/chain_memory.h"
#include "base/bytes.h"
#include "handshake/credential.h"
#include "handshake/crypto/digest.h"
#include "handshake/peer_proof.h"
#include "handshake/peer_verifier.h"
#include "handshake/server_name.h"
#include "handshake/testing/test_pki.h"
#include "handshake/wire.h"

namespace ktlsd::agent {
namespace {

constexpr TrustId kTrust = 1;

// One peer, and a store that takes it.
struct Encounter {
  handshake::TestPki pki = handshake::MakeTestPki();
  handshake::TrustStore store =
      handshake::TrustStore::FromPem(handshake::BytesOf(pki.root.pem()), {})
          .value();
  handshake::PeerPolicy policy = {
      handshake::Role::kServer,
      {handshake::ServerName::Parse("server.example").value()},
      handshake::kTestNow};
  handshake::PeerProof proof;

  Encounter() {
    proof.chain = pki.ChainOf(pki.server);
    proof.transcript_hash = handshake::HashValue(Bytes(32, 0x5a));
    const auto credential = handshake::Credential::FromPem(
        handshake::BytesOf(pki.ChainPemOf(pki.server)),
        handshake::BytesOf(pki.server.key_pem()));
    proof.scheme = credential->schemes().front();
    proof.signature = credential
                          ->Sign(proof.scheme, handshake::Role::kServer,
                                 proof.transcript_hash)
                          .value();
  }

  void Meet(ChainMemory& memory) const {
    if (!std::holds_alternative<handshake::VerifiedPeer>(
            memory.Verify(kTrust, store, policy, proof).result)) {
      throw std::runtime_error("refused");
    }
  }
};

void FirstContact(benchmark::State& state) {
  const Encounter encounter;
  ChainMemory memory;
  for (auto unused : state) {
    encounter.Meet(memory);
    memory.Forget(kTrust);
  }
}
BENCHMARK(FirstContact)->Unit(benchmark::kMicrosecond);

void Remembered(benchmark::State& state) {
  const Encounter encounter;
  ChainMemory memory;
  encounter.Meet(memory);
  for (auto unused : state) {
    encounter.Meet(memory);
  }
}
BENCHMARK(Remembered)->Unit(benchmark::kMicrosecond);

double CpuMicroseconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 +
         static_cast<double>(time.tv_nsec) / 1e3;
}

// Both in turn, so that both have the same machine: `first/remembered` is how
// many times a first contact costs.
void Ratio(benchmark::State& state) {
  const Encounter encounter;
  ChainMemory memory;
  double first = 0;
  double remembered = 0;
  for (auto unused : state) {
    const double begin = CpuMicroseconds();
    encounter.Meet(memory);
    const double middle = CpuMicroseconds();
    encounter.Meet(memory);
    remembered += CpuMicroseconds() - middle;
    first += middle - begin;
    memory.Forget(kTrust);
  }
  state.counters["first/remembered"] = first / remembered;
}
BENCHMARK(Ratio)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace ktlsd::agent
