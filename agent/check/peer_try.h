// One handshake as a client, with the keys in this process: what the daemon
// spreads over four processes, for somebody who wants to see it.
//
// Scope:     TLS alone; nothing is installed in the kernel.
// Layer:     agent/check.
// Threads:   one thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/check/stream.h"
#include "base/alert.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/config.h"
#include "handshake/credential.h"
#include "handshake/crypto/digest.h"
#include "handshake/peer_verifier.h"
#include "handshake/psk_wait.h"

namespace ktlsd::agent {

// What is computed from the keys that are offered (handshake/psk_wait.h).
struct PskUse {
  std::function<Result<HashSecret>(const handshake::PskBinderRequest&)> binder;
  std::function<Result<HashSecret>(const handshake::PskSecretRequest&)> secret;
};

// Everything pointed to must outlive the trial.
struct TrialSetup {
  handshake::ClientConfig config;
  const handshake::TrustStore* trust = nullptr;
  handshake::PeerPolicy policy{};
  std::vector<const handshake::Credential*> credentials;  // best first
  PskUse psks;
};

struct Trial {
  // What was agreed on, as far as it came.
  handshake::HandshakeInfo info;
  std::optional<Error> failure;
  std::string detail;  // of a refused certificate
  std::optional<Alert> alert_sent;
  std::vector<Bytes> peer_chain;    // that was shown, DER; may be empty
  std::optional<SessionKeys> keys;  // of a success
};

Trial TryHandshake(Stream& stream, TrialSetup setup);

}  // namespace ktlsd::agent
