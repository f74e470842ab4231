// PEM files of public data, opened and read as the daemon does.
//
// Layer:     agent/check.
// Threads:   pure functions.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "agent/config/config.h"
#include "base/bytes.h"
#include "handshake/x509/facts.h"

namespace ktlsd::agent {

// The certificates of `path`, DER, in its order; blocks of another kind (a key
// beside its certificate) are skipped.
std::variant<std::vector<Bytes>, Problem> ReadChain(const std::string& path);

// What the certificates of a trust store say of themselves.
std::variant<std::vector<handshake::CertificateFacts>, Problem>
ReadCertificates(const std::string& path);

// What the revocation lists of a file say of themselves.
std::variant<std::vector<handshake::CrlFacts>, Problem> ReadLists(
    const std::string& path);

}  // namespace ktlsd::agent
