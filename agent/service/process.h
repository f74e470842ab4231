// What the keeper and the verifier do to their process first.
//
// Layer:     agent/service.
#pragma once

#include "base/result.h"

namespace ktlsd::agent {

// No core dump, no ptrace by others of the same user, no end by the terminal's
// signals: the monitor's link says when to end.
Status PrepareProcess();

}  // namespace ktlsd::agent
