// ktlsctl verify.
//
// Layer:     tools/ktlsctl.
#pragma once

#include "tools/ktlsctl/command_line.h"

namespace ktlsd::ktlsctl {

void AddVerifyCommand(CommandLine& line);

}  // namespace ktlsd::ktlsctl
