// The files of a certificate of ours, and the credential that the keeper makes
// of them.
//
// Layer:     agent/check.
// Threads:   pure functions.
// Privilege: reads the private key.
#pragma once

#include <string>

#include "agent/keeper/token_keys.h"
#include "base/result.h"
#include "handshake/credential.h"

namespace ktlsd::agent {

struct OwnFiles {
  std::string certificate;
  std::string private_key;    // or the URL of one in a token
  bool post_quantum = false;  // it has to be
};

// `tokens` must outlive what is returned.
// Errors: kCertificateUnusable, kPrivateKeyUnusable.
Result<handshake::Credential> OpenCredential(const OwnFiles& files,
                                             const TokenKeys& tokens);

}  // namespace ktlsd::agent
