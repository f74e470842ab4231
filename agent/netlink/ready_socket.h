// The socket that READY arrives at: a member of the group "tlshd".
//
// Scope:     opening one, or going on with one that was kept over a restart. As
//            long as any is open the kernel queues requests.
// Layer:     agent/netlink.
// Threads:   one thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

struct ReadySocket {
  enum class Origin : uint8_t {
    kNew,
    kKept,      // what was handed over
    kReplaced,  // new, because what was handed over is something else
  };
  OwnedFd fd;
  Origin origin = Origin::kNew;
};

// "new", "kept", "replaced".
std::string_view OriginName(ReadySocket::Origin origin);

// Whether `fd` is a socket of generic netlink, of this thread's network
// namespace, and a member of `group`. A kernel that cannot tell the namespace
// of a socket is believed.
bool IsReadySocket(BorrowedFd fd, uint32_t group);

// `kept`, if it is such a socket, with everything that waits in it; else a new
// one. Without a descriptor in `kept` there is none to go on with. Either has a
// large receive buffer where that is allowed (CAP_NET_ADMIN).
// Errors: kNetlinkFailed with the errno
Result<ReadySocket> TakeReadySocket(OwnedFd kept, uint32_t group);

// Makes `fd` a member of no group any more, whoever else has it open: unless
// there is another agent, the kernel refuses requests from now on. Does nothing
// to what is no socket of netlink.
void LeaveGroups(BorrowedFd fd);

}  // namespace ktlsd::agent
