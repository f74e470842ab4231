// ktlsctl handshake.
//
// Layer:     tools/ktlsctl.
#pragma once

#include "tools/ktlsctl/command_line.h"

namespace ktlsd::ktlsctl {

void AddHandshakeCommand(CommandLine& line);

}  // namespace ktlsd::ktlsctl
