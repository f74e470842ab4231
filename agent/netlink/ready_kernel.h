// The handshake upcall of one network namespace, with its notifications.
//
// Scope:     HandshakeKernel, and the socket that tells when to look.
// Layer:     agent/netlink.
// Threads:   one thread.
#pragma once

#include "agent/netlink/handshake_kernel.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {

class ReadyKernel : public HandshakeKernel {
 public:
  // Becomes readable with each READY.
  virtual BorrowedFd ready_socket() const = 0;
  // Reads until nothing is left: while its queue is not empty, an overrun
  // socket gets nothing new. Returns how often messages were lost.
  virtual unsigned DrainReady() = 0;
};

}  // namespace ktlsd::agent
