// ACCEPT, DONE and READY over generic netlink.
//
// Scope:     two sockets: one for requests and their replies, one that is a
//            member of the group "tlshd". What READY says is not looked at: it
//            is a hint that something waits, and may be false or missing.
// Layer:     agent/netlink.
// Threads:   one thread: the reply to ACCEPT overtakes the descriptor.
// Privilege: CAP_NET_ADMIN in the initial user namespace.
// Design:    docs/design/netlink.md
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "agent/netlink/asker.h"
#include "agent/netlink/family.h"
#include "agent/netlink/netlink_socket.h"
#include "agent/netlink/policy.h"
#include "agent/netlink/ready_kernel.h"
#include "agent/netlink/ready_socket.h"

namespace ktlsd::agent {

class NetlinkKernel final : public ReadyKernel {
 public:
  // Goes on with the socket for READY in `kept`, if it is one.
  // Errors: kNetlinkFailed: no such family in this kernel, or no permission.
  static Result<NetlinkKernel> Open(OwnedFd kept = OwnedFd());
  // Over these sockets, of which `ready` is made a member.
  static Result<NetlinkKernel> Over(std::unique_ptr<NetlinkSocket> requests,
                                    std::unique_ptr<NetlinkSocket> ready);

  // Tries no ACCEPT without a free descriptor: it would lose its request.
  // When the family was gone, looks for it again first.
  // Errors: also kNoDescriptors
  Result<std::optional<Request>> Accept() override;
  // Needs no memory.
  Status Done(BorrowedFd socket, const DoneAnswer& answer) override;

  SocketDiag* diag() const override { return diag_.get(); }
  BorrowedFd ready_socket() const override { return ready_->fd(); }
  unsigned DrainReady() override;
  ReadySocket::Origin ready_origin() const { return origin_; }
  uint32_t ready_group() const { return family_.group; }

  const KernelPolicy& policy() const { return policy_; }

 private:
  NetlinkKernel(Asker requests, std::unique_ptr<NetlinkSocket> ready,
                ReadySocket::Origin origin, const Family& family);
  Status FindAgain();
  // Notes that the family is not there any more, if `error` says that.
  Error Note(const Error& error);
  Error GiveUp(ByteView attributes);

  Asker requests_;
  std::unique_ptr<NetlinkSocket> ready_;
  ReadySocket::Origin origin_;
  Family family_;
  KernelPolicy policy_;
  std::unique_ptr<SocketDiag> diag_;  // may be null
  bool gone_ = false;                 // the family
};

}  // namespace ktlsd::agent
