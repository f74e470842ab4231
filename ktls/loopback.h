// A connected pair of TCP sockets on this host: kernel TLS has no other kind
// of socket to be tried on.
//
// Layer:     ktls; for probe and tests.
// Threads:   pure function.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::ktls {

struct SocketPair {
  OwnedFd client;
  OwnedFd server;
};

// Both blocking, TCP_NODELAY set, close-on-exec. Errors: kSystemFailed, with
// the errno: no loopback device up, no descriptors.
Result<SocketPair> ConnectLoopback();

}  // namespace ktlsd::ktls
