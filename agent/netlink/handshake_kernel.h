// The kernel's side of the handshake upcall, as a seam.
//
// Scope:     ACCEPT and DONE. Implemented by netlink_kernel.h, and by a fake in
//            agent/netlink/testing/.
// Layer:     agent/netlink.
// Threads:   one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/netlink/request.h"
#include "agent/netlink/socket_diag.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

// What DONE says of a request.
struct DoneAnswer {
  uint32_t status = 0;  // or a positive errno
  std::optional<KeySerial> remote_auth = std::nullopt;
  // Session tags of the peer, joined by commas. A kernel that does not take
  // them is not told.
  std::string_view tags = {};
};

class HandshakeKernel {
 public:
  virtual ~HandshakeKernel() = default;

  // Takes the oldest request that waits, or nothing when none does. Whoever
  // takes one owes the kernel a Done. Never blocks.
  // Errors: kNetlinkFailed; a request may be lost then.
  virtual Result<std::optional<Request>> Accept() = 0;

  // Answers the request of `socket`, and waits for the acknowledgement, which
  // the kernel gives at once.
  // Errors: kNetlinkFailed with the errno that the kernel refused it with.
  virtual Status Done(BorrowedFd socket, const DoneAnswer& answer) = 0;

  // Ends connections of the same network namespace; null where that cannot be.
  // Of this, and gone with it.
  virtual SocketDiag* diag() const { return nullptr; }
};

}  // namespace ktlsd::agent
