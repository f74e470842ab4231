// The PIN of a token, from the file that its URL names.
//
// Layer:     agent/keeper.
// Threads:   pure functions.
// Privilege: opens the file: root's. Before the lock-down.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace ktlsd::agent {

// Longer than what any token takes.
inline constexpr std::size_t kMaxPin = 256;
using TokenPin = Secret<kMaxPin>;

// `source`: "/path", "file:/path", or "credential:NAME" of the service
// manager's $CREDENTIALS_DIRECTORY. Root's or ours, and accessible to nobody
// else. One newline at the end is not part of the PIN.
// Errors: kPrivateKeyUnusable with the reason.
Result<TokenPin> ReadPin(const std::string& source);

}  // namespace ktlsd::agent
