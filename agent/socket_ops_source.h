// Which socket calls the monitor reads the kernel's TLS state with.
//
// Scope:     one function, defined by the program's variant: the real one, or
//            one for tests that cannot confirm anything.
// Layer:     agent.
#pragma once

#include <memory>

#include "ktls/socket_ops.h"

namespace ktlsd::agent {

std::unique_ptr<ktls::SocketOps> MakeSocketOps();

}  // namespace ktlsd::agent
