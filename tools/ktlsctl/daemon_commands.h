// status, sessions and metrics: what the running daemon says.
//
// Scope:     subcommands. One request each over the daemon's control socket.
// Layer:     tools/ktlsctl.
// Threads:   one thread.
// Privilege: root; the daemon answers nobody else.
#pragma once

#include "tools/ktlsctl/command_line.h"

namespace ktlsd::ktlsctl {

void AddDaemonCommands(CommandLine& line);

}  // namespace ktlsd::ktlsctl
