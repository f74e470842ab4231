// The first call behind a handshake: does the server still answer?
//
// Scope:     a client's handshake is over before its server has looked at its
//            certificate (RFC 8446 appendix E.1.2); whether it was taken shows
//            in what comes next.
// Layer:     agent/check.
// Threads:   one thread.
#pragma once

#include <optional>
#include <string>

#include "agent/check/stream.h"
#include "base/result.h"
#include "base/session_keys.h"

namespace ktlsd::agent {

// Calls NFS's procedure that does nothing, over TLS, and reads the reply.
// Returns nothing when the server has done it, else why not, in words.
// Errors: kAlertReceived, kPeerClosed, those of Stream and of the record layer.
Result<std::optional<std::string>> CallOverTls(Stream& stream,
                                               const SessionKeys& keys);

}  // namespace ktlsd::agent
