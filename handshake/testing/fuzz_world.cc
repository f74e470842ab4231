#include "handshake/testing/fuzz_world.h"

#include <cstdio>
#include <cstdlib>

#include "handshake/config.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {
namespace {

// What is made once in a process, by whoever needs it first, may draw random
// numbers: the probe of the groups does. No input shall be that first one.
void WarmUp(const World& world) {
  for (const bool psk : {false, true}) {
    for (const bool retry : {false, true}) {
      const Setups setups = world.Both({.psk = psk, .retry = retry});
      const Pair pair = Handshake(setups.client, setups.server);
      Require(pair.client.done() && pair.server.done());
    }
  }
}

bool Bit(uint8_t bits, unsigned number) { return (bits >> number & 1U) != 0; }

}  // namespace

const World& FuzzWorld() {
  constexpr uint64_t kSeedOfKeys = 0;
  static const World kWorld = [] {
    const SeededRandom random(kSeedOfKeys);
    return World(KeyKind::kEd25519);
  }();
  static const bool kWarm = [] {
    const SeededRandom random(kSeedOfKeys);
    WarmUp(kWorld);
    return true;
  }();
  Require(kWarm);
  return kWorld;
}

FuzzRun::FuzzRun(uint64_t seed) : world_(FuzzWorld()), random_(seed) {}

Setups FuzzRun::FromBits(uint8_t bits) const {
  Setups setups = world_.Both({.psk = Bit(bits, 1),
                               .retry = Bit(bits, 0),
                               .record_size_limit = Bit(bits, 2)});
  ClientConfig& client = setups.client.client;
  ServerConfig& server = setups.server.server;
  if (Bit(bits, 3)) {
    client.alpn_protocols = {{'o', 't', 'h', 'e', 'r'}, {'f', 'u', 'z', 'z'}};
    server.alpn_protocols = {{'f', 'u', 'z', 'z'}};
  }
  client.middlebox_compatibility = !Bit(bits, 4);
  if (Bit(bits, 5)) {
    server.client_auth = ClientAuth::kNone;
  }
  if (Bit(bits, 6)) {
    setups.client.credentials.clear();
  }
  client.request_ocsp = Bit(bits, 7);
  return setups;
}

void Require(bool holds, std::source_location where) {
  if (!holds) {
    std::fprintf(stderr, "%s:%u: does not hold\n", where.file_name(),
                 static_cast<unsigned>(where.line()));
    std::abort();
  }
}

}  // namespace ktlsd::handshake
