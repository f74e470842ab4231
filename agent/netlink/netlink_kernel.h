// ACCEPT, DONE and READY over generic netlink.
//
// Scope:     two sockets: one for requests and their replies, one that is a
//            member of the group "tlshd". What READY says is not looked at: it
//            is a hint that something waits.
// Layer:     agent/netlink; libnl.
// Threads:   one thread: the reply to ACCEPT overtakes the descriptor.
// Privilege: CAP_NET_ADMIN in the initial user namespace.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "agent/netlink/ready_kernel.h"
#include "agent/netlink/ready_socket.h"

struct nl_sock;
struct nl_msg;

namespace ktlsd::agent {

class NetlinkKernel final : public ReadyKernel {
 public:
  // Goes on with the socket for READY in `kept`, if it is one.
  // Errors: kNetlinkFailed: no such family in this kernel, or no permission.
  static Result<NetlinkKernel> Open(OwnedFd kept = OwnedFd());

  Result<std::optional<Request>> Accept() override;
  Status Done(BorrowedFd socket, uint32_t status,
              std::optional<KeySerial> remote_auth) override;

  BorrowedFd ready_socket() const override { return ready_.fd.borrow(); }
  unsigned DrainReady() override;
  ReadySocket::Origin ready_origin() const { return ready_.origin; }
  uint32_t ready_group() const { return group_; }

 private:
  struct FreeSocket {
    void operator()(nl_sock* socket) const;
  };
  using Socket = std::unique_ptr<nl_sock, FreeSocket>;

  NetlinkKernel(Socket requests, ReadySocket ready, int family, int group);
  static Result<Socket> Connect();
  // Sends `message` and returns the attributes of the reply, which has the
  // command `reply`, or nothing for an acknowledgement.
  Result<std::optional<ByteView>> Ask(nl_msg* message);
  Result<std::optional<ByteView>> ReadReply(uint32_t sequence);

  Socket requests_;
  ReadySocket ready_;
  int family_;
  uint32_t group_;
  struct Buffer {
    alignas(uint32_t) std::array<uint8_t, 16384> bytes;
  };
  std::unique_ptr<Buffer> buffer_ = std::make_unique<Buffer>();
};

}  // namespace ktlsd::agent
