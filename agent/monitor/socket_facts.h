// What the monitor reads off a request's socket before anybody uses it.
//
// Scope:     never fails: what cannot be read has its default. No name is
//            looked up.
// Layer:     agent/monitor.
#pragma once

#include <string>

#include "base/owned_fd.h"

namespace ktlsd::agent {

struct SocketFacts {
  std::string peer;  // "192.0.2.1:2049", "[2001:db8::1]:2049"; empty when the
                     // peer has gone already
  bool is_tcp = false;
  bool nodelay = false;  // TCP_NODELAY, to be restored by who changes it
};

SocketFacts ReadSocketFacts(BorrowedFd socket);

}  // namespace ktlsd::agent
