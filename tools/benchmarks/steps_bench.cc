// CPU of the steps that a side of a mutual ECDSA handshake is made of, each
// alone and with warm caches: STEP/WHAT.
#include <benchmark/benchmark.h>

#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/hkdf.h"
#include "handshake/credential.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/key_share.h"
#include "handshake/key_schedule.h"
#include "handshake/peer_verifier.h"
#include "handshake/record_protection.h"
#include "handshake/server_name.h"
#include "tools/benchmarks/cases.h"
#include "tools/benchmarks/end.h"

namespace ktlsd::benchmarks {
namespace {

namespace hs = handshake;

constexpr CipherSuite kSuite = CipherSuite::kAes256GcmSha384;
constexpr HashAlgorithm kHash = HashAlgorithm::kSha384;

hs::SharedSecret AnySecret() {
  const auto peer = hs::KeyShare::Generate(hs::NamedGroup::kX25519).value();
  return hs::Answer(hs::NamedGroup::kX25519, peer.public_share())
      .value()
      .secret;
}

void MakeShare(benchmark::State& state) {
  for (auto unused : state) {
    benchmark::DoNotOptimize(
        hs::KeyShare::Generate(hs::NamedGroup::kX25519).value());
  }
}
BENCHMARK(MakeShare)->Name("step/x25519_key_pair");

void PairAndAgreement(benchmark::State& state) {
  const auto peer = hs::KeyShare::Generate(hs::NamedGroup::kX25519).value();
  for (auto unused : state) {
    benchmark::DoNotOptimize(
        hs::Answer(hs::NamedGroup::kX25519, peer.public_share()).value());
  }
}
BENCHMARK(PairAndAgreement)->Name("step/x25519_key_pair_and_agreement");

// All secrets of a handshake, its two Finished, and the keys of its records.
void Schedule(benchmark::State& state) {
  const hs::SharedSecret ecdhe = AnySecret();
  const hs::HashValue hash(Bytes(48, 2));
  for (auto unused : state) {
    auto secrets = hs::HandshakeSchedule::WithoutPsk(kHash, ecdhe)
                       .value()
                       .Derive(hash)
                       .value();
    auto client = HkdfExpander::Create(kHash, secrets.traffic.client).value();
    auto server = HkdfExpander::Create(kHash, secrets.traffic.server).value();
    benchmark::DoNotOptimize(hs::RecordSealer::Create(kSuite, client).value());
    benchmark::DoNotOptimize(hs::RecordOpener::Create(kSuite, server).value());
    for (HkdfExpander* side : {&client, &server}) {
      const HashSecret key = hs::FinishedKey(*side).value();
      benchmark::DoNotOptimize(hs::FinishedMac(kHash, key, hash).value());
    }
    benchmark::DoNotOptimize(std::move(secrets.next).Derive(hash).value());
  }
}
BENCHMARK(Schedule)->Name("step/key_schedule");

// The peer, its chain and its proof.
struct Encounter {
  Pki pki = MakePki(hs::KeyKind::kEcdsaP256);
  hs::Credential credential =
      hs::Credential::FromPem(hs::BytesOf(pki.server.pem()),
                              hs::BytesOf(pki.server.key_pem()))
          .value();
  hs::TrustStore trust =
      hs::TrustStore::FromPem(hs::BytesOf(pki.root.pem()), {}).value();
  hs::PeerPolicy policy = {Role::kServer,
                           {hs::ServerName::Parse(kServerName).value()},
                           hs::kTestNow};
  hs::PeerProof proof;

  Encounter() {
    proof.chain = credential.chain();
    proof.transcript_hash = hs::HashValue(Bytes(48, 0x5a));
    proof.scheme = credential.schemes().front();
    proof.signature = Sign();
  }
  Bytes Sign() const {
    return credential.Sign(proof.scheme, Role::kServer, proof.transcript_hash)
        .value();
  }
  hs::VerifiedChain Verify() const {
    return std::get<hs::VerifiedChain>(trust.VerifyChain(policy, proof.chain));
  }
};

void Sign(benchmark::State& state) {
  const Encounter encounter;
  for (auto unused : state) {
    benchmark::DoNotOptimize(encounter.Sign());
  }
}
BENCHMARK(Sign)->Name("step/sign");

void VerifyChain(benchmark::State& state) {
  const Encounter encounter;
  for (auto unused : state) {
    benchmark::DoNotOptimize(encounter.Verify());
  }
}
BENCHMARK(VerifyChain)->Name("step/parse_and_verify_chain");

void CheckProof(benchmark::State& state) {
  const Encounter encounter;
  const hs::VerifiedChain chain = encounter.Verify();
  for (auto unused : state) {
    Need(std::holds_alternative<hs::VerifiedPeer>(
             chain.Check(encounter.policy, encounter.proof)),
         "refused");
  }
}
BENCHMARK(CheckProof)->Name("step/name_and_certificate_verify");

void Transcribe(benchmark::State& state) {
  const Bytes message(300);
  for (auto unused : state) {
    auto transcript = hs::Transcript::Create(kHash).value();
    for (int i = 0; i < 8; ++i) {
      transcript.Add(message).value();
      benchmark::DoNotOptimize(transcript.Current().value());
    }
  }
}
BENCHMARK(Transcribe)->Name("step/transcript_of_8_messages");

}  // namespace
}  // namespace ktlsd::benchmarks
