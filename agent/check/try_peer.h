// The whole of `ktlsctl handshake`: a server is tried as a consumer in the
// kernel would have it tried, with the daemon's configuration, and what comes
// of it is said in words.
//
// Layer:     agent/check.
// Threads:   one thread.
// Privilege: root's, to read what the daemon reads.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/check/check.h"
#include "agent/upcall/consumer.h"

namespace ktlsd::agent {

enum class Security : uint8_t {
  kConfigured,  // mtls where a certificate is configured, else tls
  kTls,
  kMtls,
};

struct GivenPsk {
  std::string identity;
  std::string file;
};

struct PeerQuestion {
  Consumer consumer{};  // kNfsClient or kNvmeHost
  std::string host;
  std::string port;
  std::optional<std::string> name;  // that the server must have; else `host`
  Security security = Security::kConfigured;
  std::optional<GivenPsk> psk;  // else those of the keyrings
  std::chrono::milliseconds patience{10'000};
};

struct Answer {
  bool ok = false;
  std::string text;  // lines
};

Answer TryPeer(const std::string& config_path, const PeerQuestion& question,
               const Host& host);

// TryPeer from this host. Gives this process keyrings of its own.
Answer TryPeerFromHere(const std::string& config_path,
                       const PeerQuestion& question);

}  // namespace ktlsd::agent
