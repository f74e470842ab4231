// The whole of `ktlsctl verify`: a chain in a file, judged as the daemon judges
// that of a peer.
//
// Scope:     everything but the signature that a handshake has.
// Layer:     agent/check.
// Threads:   pure functions.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "agent/check/trust_files.h"
#include "base/clock.h"
#include "base/error_codes.h"
#include "handshake/server_name.h"
#include "handshake/wire.h"

namespace ktlsd::agent {

struct ChainQuestion {
  std::string chain;  // PEM, the end entity first
  TrustFiles trust;
  handshake::Role role{};                     // of whoever shows the chain
  std::optional<handshake::ServerName> name;  // none: no name is compared
  CalendarTime now;
};

struct AcceptedChain {
  std::string text;  // a line
};
struct RefusedChain {
  Code code{};
  std::string reason;
};

std::variant<AcceptedChain, RefusedChain> JudgeChain(
    const ChainQuestion& question);

// "2026-06-01", "2026-06-01T12:00:00Z" (UTC). Nothing for anything else.
std::optional<CalendarTime> ParseTime(const std::string& text);

}  // namespace ktlsd::agent
