// The files of a trust, and the trust store that the verifier makes of them.
//
// Layer:     agent/check.
// Threads:   pure functions.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "agent/config/config.h"
#include "handshake/peer_verifier.h"

namespace ktlsd::agent {

struct TrustFiles {
  std::string store;
  // The system's stores hold what nobody here chose: single authorities of it
  // that expire are nothing to report.
  bool is_systems = false;
  std::optional<std::string> crl;
  // What a peer's certificate has to be like beyond that.
  handshake::CertificateProfile profile = handshake::CertificateProfile::kTls;
};

std::variant<handshake::TrustStore, Problem> OpenTrust(const TrustFiles& files);

}  // namespace ktlsd::agent
