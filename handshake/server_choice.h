// What a server answers to a ClientHello: suite, group, certificate or PSK,
// application protocol.
//
// Scope:     decides by a configuration and the first hello; sends nothing.
// Layer:     handshake.
// Threads:   pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/psk_wait.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// What the first hello and the configuration decided.
struct ServerChoice {
  ServerConfig config;
  CipherSuite suite{};
  NamedGroup group{};
  std::optional<PskName> psk = {};                 // else a certificate
  std::optional<uint16_t> record_size_limit = {};  // the client's, negotiated
  bool staple = false;         // the client asks for an OCSP response
  SigningChoice signing = {};  // with a certificate
  std::optional<Bytes> alpn_protocol = {};
};

inline Error NoCommonSuite() {
  return Error{Code::kNoCommonCipherSuite, "no cipher suite in common"};
}

// The hashes of the cipher suites that both have, our best suite's first.
std::vector<HashAlgorithm> HashesInCommon(const ServerConfig& config,
                                          const ClientHello& hello);

// Chooses for a handshake with a certificate, or with `psk`: then the suite's
// hash is the one of the PSK (RFC 8446 section 4.2.11). Errors: those of
// AwaitServerConfig::Configure().
Result<ServerChoice> ChooseAnswer(ServerConfig config, const ClientHello& hello,
                                  std::optional<PskName> psk);

}  // namespace ktlsd::handshake
