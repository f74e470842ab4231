// check, verify and handshake: what can be asked without the daemon.
//
// Scope:     subcommands; what they do is in agent/check.
// Layer:     tools/ktlsctl.
// Threads:   one thread.
// Privilege: root's, to read what the daemon reads.
#pragma once

#include "tools/ktlsctl/command_line.h"

namespace ktlsd::ktlsctl {

void AddLocalCommands(CommandLine& line);

}  // namespace ktlsd::ktlsctl
