// Ending TCP connections that are the kernel's, by sock_diag.
//
// Scope:     names a connection for as long as it lives (addresses and cookie),
//            and has the kernel abort it. Needs no descriptor of it. A seam.
// Layer:     agent/netlink.
// Threads:   one thread.
// Privilege: CAP_NET_ADMIN over the network namespace that it was opened in.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "agent/netlink/netlink_socket.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

// A connection. The kernel gives a cookie to no other one while it runs.
struct ConnectionName {
  uint8_t family = 0;                // AF_INET or AF_INET6
  uint16_t source_port = 0;          // both big endian
  uint16_t destination_port = 0;     //
  std::array<uint8_t, 16> source{};  // of IPv4: the first 4 bytes
  std::array<uint8_t, 16> destination{};
  uint32_t interface = 0;  // of a link-local address
  uint64_t cookie = 0;

  bool operator==(const ConnectionName&) const = default;
};

// Nothing for a socket that is no connected TCP socket.
std::optional<ConnectionName> NameOfConnection(BorrowedFd socket);

class SocketDiag {
 public:
  virtual ~SocketDiag() = default;
  // Aborts the connection: both ends see a reset.
  // Errors: kNetlinkFailed with the errno
  //         ENOENT      it has ended already
  //         EOPNOTSUPP  this kernel cannot (CONFIG_INET_DIAG_DESTROY)
  virtual Status Abort(const ConnectionName& connection) = 0;
};

// Whether this kernel does that at all: aborts a connection made for it. A
// kernel without the means says of every connection that it has ended.
Status TryToAbort(SocketDiag& diag);

// Over `socket`, which is one of NETLINK_SOCK_DIAG.
std::unique_ptr<SocketDiag> MakeSocketDiag(
    std::unique_ptr<NetlinkSocket> socket);
// In the network namespace of the caller.
// Errors: kNetlinkFailed with the errno
Result<std::unique_ptr<SocketDiag>> OpenSocketDiag();

}  // namespace ktlsd::agent
