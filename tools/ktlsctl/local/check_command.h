// ktlsctl check.
//
// Layer:     tools/ktlsctl.
#pragma once

#include "tools/ktlsctl/command_line.h"

namespace ktlsd::ktlsctl {

void AddCheckCommand(CommandLine& line);

}  // namespace ktlsd::ktlsctl
