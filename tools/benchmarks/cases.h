// The handshakes that are measured, and the certificates and keys for them.
//
// Layer:     tools/benchmarks.
// Threads:   a Case may be read by several threads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/hkdf.h"
#include "base/session_keys.h"
#include "handshake/testing/test_pki.h"
#include "handshake/wire.h"

namespace ktlsd::benchmarks {

inline constexpr std::string_view kServerName = "server.example";
inline constexpr std::string_view kPskIdentity = "bench.example";

// An authority and the two ends that it signed: what an administrator of
// storage has. Each side sends one certificate.
struct Pki {
  handshake::TestCertificate root;
  handshake::TestCertificate server;
  handshake::TestCertificate client;
};

struct Case {
  std::string name;
  CipherSuite suite = CipherSuite::kAes256GcmSha384;
  handshake::NamedGroup group = handshake::NamedGroup::kX25519;
  bool mutual = false;
  // None: a PSK, for the hash of `suite`.
  std::optional<Pki> pki = std::nullopt;
  Bytes psk = {};
};

// Those that the running libcrypto can do.
std::vector<Case> MakeCases();

Pki MakePki(handshake::KeyKind kind);

}  // namespace ktlsd::benchmarks
