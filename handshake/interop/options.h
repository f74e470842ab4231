// The command line of peer_driver.
//
// Layer:     handshake/interop: tests only.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/session_keys.h"
#include "handshake/config.h"
#include "handshake/local_psks.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

struct Options {
  Role role = Role::kClient;
  uint16_t port = 0;  // client: the server's; server: 0 takes a free one
  std::vector<std::string> certificates;  // PEM files, best first
  std::vector<std::string> keys;          // one for each
  std::string authorities;
  std::string name;  // client: the server's, sent and verified
  std::vector<CipherSuite> suites;
  std::vector<NamedGroup> groups;
  std::vector<NamedGroup> share_groups;
  ClientAuth client_auth = ClientAuth::kNone;
  LocalPsks psks;  // with any, certificates are not used
  bool record_size_limit = false;
  std::string send;    // application data for the peer
  std::string expect;  // application data that the peer must send
  std::chrono::milliseconds timeout{20'000};
};

// Reads "--name=value" arguments; nothing when one is not understood.
std::optional<Options> ParseOptions(int argc, const char* const* argv);

// What ParseOptions takes, for people.
extern const char kUsage[];

}  // namespace ktlsd::handshake
