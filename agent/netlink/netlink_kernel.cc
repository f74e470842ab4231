#include "agent/netlink/netlink_kernel.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/fn_deleter.h"

namespace ktlsd::agent {

namespace {

using Message = std::unique_ptr<nl_msg, FnDeleter<::nlmsg_free>>;

Message MakeMessage(int family, HandshakeCommand command, int flags) {
  Message message(::nlmsg_alloc());
  if (message != nullptr &&
      ::genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, flags,
                    static_cast<uint8_t>(command),
                    kHandshakeVersion) == nullptr) {
    message.reset();
  }
  return message;
}

template <typename Attribute>
bool PutU32(nl_msg* message, Attribute attribute, uint32_t value) {
  return ::nla_put_u32(message, static_cast<int>(attribute), value) == 0;
}

const Error kOutOfMemory{Code::kNoMemory, "no memory for a netlink message"};

// The next datagram from the kernel; empty when there is none.
Result<ByteView> ReceiveDatagram(int socket, std::span<uint8_t> buffer) {
  for (;;) {
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof(sender);
    const ssize_t size =
        ::recvfrom(socket, buffer.data(), buffer.size(), MSG_DONTWAIT,
                   reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size >= 0 && sender.nl_pid == 0) {
      return ByteView(buffer).first(static_cast<std::size_t>(size));
    }
    if (size < 0 && errno == EAGAIN) {
      return ByteView();
    }
    if (size < 0 && errno != EINTR) {
      return Error{Code::kNetlinkFailed, "cannot read from netlink", errno};
    }
  }
}

}  // namespace

void NetlinkKernel::FreeSocket::operator()(nl_sock* socket) const {
  ::nl_socket_free(socket);
}

NetlinkKernel::NetlinkKernel(Socket requests, ReadySocket ready, int family,
                             int group)
    : requests_(std::move(requests)),
      ready_(std::move(ready)),
      family_(family),
      group_(static_cast<uint32_t>(group)) {
  static_assert(alignof(Buffer) >= alignof(nlmsghdr));
}

Result<NetlinkKernel::Socket> NetlinkKernel::Connect() {
  Socket socket(::nl_socket_alloc());
  if (socket == nullptr) {
    return kOutOfMemory;
  }
  if (::genl_connect(socket.get()) < 0) {
    return Error{Code::kNetlinkFailed, "cannot open a netlink socket", errno};
  }
  return socket;
}

Result<NetlinkKernel> NetlinkKernel::Open(OwnedFd kept) {
  ASSIGN_OR_RETURN(Socket requests, Connect());
  const int family = ::genl_ctrl_resolve(requests.get(), kHandshakeFamily);
  const int group = ::genl_ctrl_resolve_grp(requests.get(), kHandshakeFamily,
                                            kHandshakeGroup);
  if (family < 0 || group < 0) {
    return Error{Code::kNetlinkFailed,
                 "this kernel has no handshake upcall (net/handshake)"};
  }
  ::nl_socket_disable_auto_ack(requests.get());
  ASSIGN_OR_RETURN(
      ReadySocket ready,
      TakeReadySocket(std::move(kept), static_cast<uint32_t>(group)));
  return NetlinkKernel(std::move(requests), std::move(ready), family, group);
}

unsigned NetlinkKernel::DrainReady() {
  unsigned overruns = 0;
  for (;;) {
    const Result<ByteView> datagram =
        ReceiveDatagram(ready_socket().raw(), buffer_->bytes);
    if (!datagram.ok() && datagram.error().os_error == ENOBUFS) {
      ++overruns;
    } else if (!datagram.ok() || datagram->empty()) {
      return overruns;
    }
  }
}

Result<std::optional<Request>> NetlinkKernel::Accept() {
  const Message message = MakeMessage(family_, HandshakeCommand::kAccept, 0);
  if (message == nullptr ||
      !PutU32(message.get(), AcceptAttribute::kHandlerClass,
              kHandlerClassTlshd)) {
    return kOutOfMemory;
  }
  const Result<std::optional<ByteView>> reply = Ask(message.get());
  if (!reply.ok()) {
    if (reply.error().os_error == EAGAIN) {
      return std::optional<Request>();
    }
    return reply.error();
  }
  // An acknowledgement has no attributes, so no socket either.
  std::optional<Request> request =
      ParseRequest(reply.value().value_or(ByteView()));
  if (!request.has_value()) {
    return Error{Code::kNetlinkFailed, "ACCEPT gave no socket"};
  }
  return request;
}

Status NetlinkKernel::Done(BorrowedFd socket, uint32_t status,
                           std::optional<KeySerial> remote_auth) {
  const Message message =
      MakeMessage(family_, HandshakeCommand::kDone, NLM_F_ACK);
  if (message == nullptr ||
      !PutU32(message.get(), DoneAttribute::kStatus, status) ||
      !PutU32(message.get(), DoneAttribute::kSocket,
              static_cast<uint32_t>(socket.raw())) ||
      (remote_auth.has_value() &&
       !PutU32(message.get(), DoneAttribute::kRemoteAuth,
               static_cast<uint32_t>(*remote_auth)))) {
    return kOutOfMemory;
  }
  if (const auto reply = Ask(message.get()); !reply.ok()) {
    return reply.error();
  }
  return Ok{};
}

Result<std::optional<ByteView>> NetlinkKernel::Ask(nl_msg* message) {
  ::nl_complete_msg(requests_.get(), message);
  const int sent = ::nl_send(requests_.get(), message);
  if (sent < 0) {
    return Error{Code::kNetlinkFailed, "cannot send to netlink", errno};
  }
  return ReadReply(::nlmsg_hdr(message)->nlmsg_seq);
}

// The kernel does all the work inside of send, so the reply is there.
Result<std::optional<ByteView>> NetlinkKernel::ReadReply(uint32_t sequence) {
  for (;;) {
    ASSIGN_OR_RETURN(
        const ByteView datagram,
        ReceiveDatagram(::nl_socket_get_fd(requests_.get()), buffer_->bytes));
    if (datagram.size() < NLMSG_HDRLEN) {
      return Error{Code::kNetlinkFailed, "the kernel did not reply"};
    }
    nlmsghdr header;
    std::memcpy(&header, datagram.data(), sizeof(header));
    if (header.nlmsg_seq != sequence || header.nlmsg_len > datagram.size()) {
      continue;  // belongs to a request that was given up
    }
    const ByteView body =
        datagram.first(header.nlmsg_len).subspan(NLMSG_HDRLEN);
    if (header.nlmsg_type == NLMSG_ERROR) {
      nlmsgerr report{};
      std::memcpy(&report, body.data(), std::min(body.size(), sizeof(report)));
      if (report.error != 0) {
        return Error{Code::kNetlinkFailed, "the kernel refused a request",
                     -report.error};
      }
      return std::optional<ByteView>();
    }
    if (header.nlmsg_type == family_ && body.size() >= GENL_HDRLEN) {
      return std::optional<ByteView>(body.subspan(GENL_HDRLEN));
    }
  }
}

}  // namespace ktlsd::agent
