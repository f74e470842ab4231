// The certificate of one side, which can be loaded: would a peer take it?
//
// Scope:     makes the proof that a handshake would carry, and has it judged
//            as the daemon judges a peer's.
// Layer:     agent/check.
// Threads:   pure functions.
// Privilege: reads the private key.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/check/own_files.h"
#include "agent/check/report.h"
#include "agent/check/trust_files.h"
#include "agent/ipc/wire_types.h"
#include "agent/keeper/token_keys.h"
#include "base/clock.h"

namespace ktlsd::agent {

// `settings`: their name. `trust`: the side's own, if it can be loaded. Peers
// may have another one.
void CheckOwnCertificate(Side side, std::string_view settings,
                         const OwnFiles& files, const TokenKeys& tokens,
                         const std::optional<TrustFiles>& trust,
                         CalendarTime now, Report& report);

}  // namespace ktlsd::agent
