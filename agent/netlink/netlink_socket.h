// One netlink socket, as a seam.
//
// Scope:     datagrams in and out. The fake is agent/netlink/testing/
//            fake_netlink.h.
// Layer:     agent/netlink.
// Threads:   one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

struct Datagram {
  ByteView bytes;
  uint32_t sender = 0;  // a port; the kernel's is 0
  bool cut = false;     // it was longer than the buffer
};

class NetlinkSocket {
 public:
  virtual ~NetlinkSocket() = default;

  virtual BorrowedFd fd() const = 0;
  virtual uint32_t port() const = 0;
  // To the kernel, which answers before this returns.
  // Errors: kNetlinkFailed with the errno
  virtual Status Send(ByteView message) = 0;
  // The next datagram, or nothing when there is none. Never blocks.
  // Errors: kNetlinkFailed with the errno; ENOBUFS: some were lost
  virtual Result<std::optional<Datagram>> Receive(
      std::span<uint8_t> buffer) = 0;
  // Reads some of what is there away, unseen; whether more may be there.
  // Errors: as Receive
  virtual Result<bool> Discard() = 0;
  // Errors: kNetlinkFailed with the errno
  virtual Status Join(uint32_t group) = 0;
};

// Errors: kNetlinkFailed with the errno
// `protocol`: NETLINK_GENERIC, NETLINK_SOCK_DIAG.
Result<std::unique_ptr<NetlinkSocket>> OpenNetlinkSocket(int protocol);
std::unique_ptr<NetlinkSocket> UseNetlinkSocket(OwnedFd socket);

}  // namespace ktlsd::agent
