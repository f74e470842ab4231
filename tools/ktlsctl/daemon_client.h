// One question to the daemon.
//
// Scope:     the client's end of agent/control/protocol.h.
// Layer:     tools/ktlsctl.
// Threads:   blocks, ten seconds at most.
#pragma once

#include <string>

namespace ktlsd::ktlsctl {

struct Answer {
  bool ok = false;
  std::string text;  // the answer's body, or why there is none
};

Answer AskDaemon(const std::string& socket_path, const std::string& request);

}  // namespace ktlsd::ktlsctl
