// What a verification costs, with trust stores of different sizes.
#include <benchmark/benchmark.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

#include "handshake/crypto/signature.h"
#include "handshake/peer_verifier.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {
namespace {

// A store of `count` anchors, the first of which is `root`.
std::string Anchors(const TestCertificate& root, int64_t count) {
  std::string pem = root.pem();
  for (int64_t i = 1; i < count; ++i) {
    pem += TestCertificate::SelfSigned(
               {.common_name = "ca" + std::to_string(i), .authority = true})
               .pem();
  }
  return pem;
}

PeerProof Prove(const TestPki& pki) {
  PeerProof proof;
  proof.chain = pki.ChainOf(pki.server);
  proof.transcript_hash = HashValue(Bytes(32, 0x5a));
  proof.scheme = SchemesOfKey(pki.server.key()).front();
  proof.signature = SignCertificateVerify(pki.server.key(), proof.scheme,
                                          Role::kServer, proof.transcript_hash)
                        .value();
  return proof;
}

void Verify(benchmark::State& state) {
  const TestPki pki = MakeTestPki();
  const auto store = TrustStore::FromPem(
      BytesOf(Anchors(pki.root, state.range(0))), ByteView());
  const PeerPolicy policy = {
      Role::kServer, {ServerName::Parse("server.example").value()}, kTestNow};
  const PeerProof proof = Prove(pki);
  for (auto unused : state) {
    if (!std::holds_alternative<VerifiedPeer>(store->Verify(policy, proof))) {
      throw std::runtime_error("refused");
    }
  }
}
BENCHMARK(Verify)->Arg(1)->Arg(145)->Arg(1000)->Unit(benchmark::kMicrosecond);

void ParseStore(benchmark::State& state) {
  const TestPki pki = MakeTestPki();
  const std::string pem = Anchors(pki.root, state.range(0));
  for (auto unused : state) {
    benchmark::DoNotOptimize(TrustStore::FromPem(BytesOf(pem), ByteView()));
  }
}
BENCHMARK(ParseStore)->Arg(145)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ktlsd::handshake
