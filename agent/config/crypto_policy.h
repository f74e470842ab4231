// The system's crypto policy, as libssl would read it.
//
// Scope:     MinProtocol, MaxProtocol, Ciphersuites and Groups (Curves) of the
//            section that openssl_conf, ssl_conf and system_default lead to.
//            libcrypto reads the file, .include and all; libssl alone would
//            apply it, and is not used here.
// Layer:     agent/config; libcrypto.
// Threads:   pure functions but for the file.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/config/problem.h"
#include "base/session_keys.h"
#include "handshake/wire.h"

namespace ktlsd::agent {

// What it allows; nothing where it does not say.
struct CryptoPolicy {
  std::optional<std::vector<CipherSuite>> suites;
  std::optional<std::vector<handshake::NamedGroup>> groups;
  // Commands and names that have no effect here.
  std::vector<std::string> ignored;
};

// Errors: kConfigUnusable for a file that cannot be read or parsed, that names
//         a section which is not there, or that forbids TLS 1.3.
std::variant<CryptoPolicy, Problem> LoadCryptoPolicy(const std::string& path);

// The file of the system, or of OPENSSL_CONF.
std::string CryptoPolicyPath();

}  // namespace ktlsd::agent
