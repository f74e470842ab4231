#include "agent/netlink/netlink_socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <utility>

namespace ktlsd::agent {
namespace {

// A reply that finds no room is lost, and what it was about with it.
constexpr int kQueueBytes = 1 << 20;

Error Failure(std::string_view what) {
  return {Code::kNetlinkFailed, what, errno};
}

class KernelSocket final : public NetlinkSocket {
 public:
  explicit KernelSocket(OwnedFd socket) : socket_(std::move(socket)) {
    sockaddr_nl own{};
    socklen_t size = sizeof(own);
    if (::getsockname(socket_.raw(), reinterpret_cast<sockaddr*>(&own),
                      &size) == 0) {
      port_ = own.nl_pid;
    }
  }

  BorrowedFd fd() const override { return socket_.borrow(); }
  uint32_t port() const override { return port_; }

  Status Send(ByteView message) override {
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    for (;;) {
      if (::sendto(socket_.raw(), message.data(), message.size(), MSG_DONTWAIT,
                   reinterpret_cast<const sockaddr*>(&kernel),
                   sizeof(kernel)) >= 0) {
        return Ok{};
      }
      if (errno != EINTR) {
        return Failure("cannot send to netlink");
      }
    }
  }

  Result<std::optional<Datagram>> Receive(std::span<uint8_t> buffer) override {
    sockaddr_nl sender{};
    iovec piece{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &sender;
    message.msg_namelen = sizeof(sender);
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    for (;;) {
      const ssize_t size = ::recvmsg(socket_.raw(), &message, MSG_DONTWAIT);
      if (size >= 0) {
        return std::optional(
            Datagram{ByteView(buffer).first(static_cast<std::size_t>(size)),
                     sender.nl_pid, (message.msg_flags & MSG_TRUNC) != 0});
      }
      if (errno == EAGAIN) {
        return std::optional<Datagram>();
      }
      if (errno != EINTR) {
        return Failure("cannot read from netlink");
      }
    }
  }

  // What follows an error that the kernel found behind some messages is told
  // of again.
  Result<bool> Discard() override {
    constexpr std::size_t kAtOnce = 16;
    std::array<mmsghdr, kAtOnce> messages{};
    for (;;) {
      const int count = ::recvmmsg(socket_.raw(), messages.data(), kAtOnce,
                                   MSG_DONTWAIT, nullptr);
      if (count >= 0) {
        return count == static_cast<int>(kAtOnce);
      }
      if (errno == EAGAIN) {
        return false;
      }
      if (errno != EINTR) {
        return Failure("cannot read from netlink");
      }
    }
  }

  Status Join(uint32_t group) override {
    return ::setsockopt(socket_.raw(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
                        &group, sizeof(group)) == 0
               ? Status(Ok{})
               : Failure("cannot join the group tlshd");
  }

 private:
  OwnedFd socket_;
  uint32_t port_ = 0;
};

}  // namespace

Result<std::unique_ptr<NetlinkSocket>> OpenNetlinkSocket(int protocol) {
  OwnedFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  sockaddr_nl any{};
  any.nl_family = AF_NETLINK;
  if (!socket.valid() ||
      ::bind(socket.raw(), reinterpret_cast<const sockaddr*>(&any),
             sizeof(any)) != 0) {
    return Failure("cannot open a netlink socket");
  }
  ::setsockopt(socket.raw(), SOL_SOCKET, SO_RCVBUFFORCE, &kQueueBytes,
               sizeof(kQueueBytes));
  return UseNetlinkSocket(std::move(socket));
}

std::unique_ptr<NetlinkSocket> UseNetlinkSocket(OwnedFd socket) {
  return std::make_unique<KernelSocket>(std::move(socket));
}

}  // namespace ktlsd::agent
