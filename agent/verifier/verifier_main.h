// The entry of a verifier process.
//
// Layer:     agent/verifier.
#pragma once

#include "base/owned_fd.h"

namespace ktlsd::agent {

// Runs a verifier on its end of the monitor's link until that closes. Returns
// the process's exit code.
int RunVerifier(OwnedFd monitor_link);

}  // namespace ktlsd::agent
