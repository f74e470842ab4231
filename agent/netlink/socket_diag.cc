#include "agent/netlink/socket_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <variant>

#include "agent/netlink/reply.h"
#include "base/bytes.h"
#include "ktls/loopback.h"

namespace ktlsd::agent {
namespace {

constexpr int kMostDatagrams = 16;  // that are answers to something else
constexpr std::size_t kReplyBytes = 512;

struct Question {
  nlmsghdr header;
  inet_diag_req_v2 request;
};

Question MakeQuestion(const ConnectionName& connection, uint32_t sequence,
                      uint32_t port) {
  Question question{};
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = SOCK_DESTROY;
  question.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  question.header.nlmsg_seq = sequence;
  question.header.nlmsg_pid = port;
  inet_diag_req_v2& request = question.request;
  request.sdiag_family = connection.family;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = ~0U;
  request.id.idiag_sport = connection.source_port;
  request.id.idiag_dport = connection.destination_port;
  std::memcpy(request.id.idiag_src, connection.source.data(),
              connection.source.size());
  std::memcpy(request.id.idiag_dst, connection.destination.data(),
              connection.destination.size());
  request.id.idiag_if = connection.interface;
  request.id.idiag_cookie[0] = static_cast<uint32_t>(connection.cookie);
  request.id.idiag_cookie[1] = static_cast<uint32_t>(connection.cookie >> 32);
  return question;
}

class KernelSocketDiag final : public SocketDiag {
 public:
  explicit KernelSocketDiag(std::unique_ptr<NetlinkSocket> socket)
      : socket_(std::move(socket)) {}

  Status Abort(const ConnectionName& connection) override {
    const Question question =
        MakeQuestion(connection, ++sequence_, socket_->port());
    std::array<uint8_t, sizeof(question)> bytes{};
    std::memcpy(bytes.data(), &question, sizeof(question));
    RETURN_IF_ERROR(socket_->Send(bytes));
    const Asked asked{sequence_, socket_->port(), SOCK_DESTROY, 0, false};
    // The kernel answers inside of send.
    for (int i = 0; i < kMostDatagrams; ++i) {
      ASSIGN_OR_RETURN(const auto datagram, socket_->Receive(buffer_));
      if (!datagram.has_value()) {
        break;
      }
      if (datagram->sender != 0) {
        continue;
      }
      ByteView rest = datagram->bytes;
      ASSIGN_OR_RETURN(const Reply reply,
                       NextReply(rest, datagram->cut, asked));
      if (const auto* refusal = std::get_if<Refusal>(&reply)) {
        return Error{Code::kNetlinkFailed, "the kernel does not end it",
                     refusal->os_error};
      }
      if (std::holds_alternative<Acknowledgement>(reply)) {
        return Ok{};
      }
    }
    return Error{Code::kNetlinkFailed, "the kernel's reply was lost", ENOBUFS};
  }

 private:
  std::unique_ptr<NetlinkSocket> socket_;
  uint32_t sequence_ = 0;
  alignas(uint32_t) std::array<uint8_t, kReplyBytes> buffer_{};
};

template <typename Name>
std::optional<sockaddr_storage> Address(BorrowedFd socket, Name name) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  return name(socket.raw(), reinterpret_cast<sockaddr*>(&address), &size) == 0
             ? std::optional(address)
             : std::nullopt;
}

// Fills in one end; false for a family that is not the internet's.
bool Fill(const sockaddr_storage& address, std::array<uint8_t, 16>& bytes,
          uint16_t& port, uint32_t& interface) {
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof(v4));
    std::memcpy(bytes.data(), &v4.sin_addr, sizeof(v4.sin_addr));
    port = v4.sin_port;
    return true;
  }
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof(v6));
    std::memcpy(bytes.data(), &v6.sin6_addr, sizeof(v6.sin6_addr));
    port = v6.sin6_port;
    interface = v6.sin6_scope_id;
    return true;
  }
  return false;
}

}  // namespace

std::optional<ConnectionName> NameOfConnection(BorrowedFd socket) {
  const auto own = Address(socket, ::getsockname);
  const auto peer = Address(socket, ::getpeername);
  ConnectionName name;
  socklen_t size = sizeof(name.cookie);
  if (!own || !peer || own->ss_family != peer->ss_family ||
      !Fill(*own, name.source, name.source_port, name.interface) ||
      !Fill(*peer, name.destination, name.destination_port, name.interface) ||
      ::getsockopt(socket.raw(), SOL_SOCKET, SO_COOKIE, &name.cookie, &size) !=
          0) {
    return std::nullopt;
  }
  name.family = static_cast<uint8_t>(own->ss_family);
  return name;
}

Status TryToAbort(SocketDiag& diag) {
  ASSIGN_OR_RETURN(const ktls::SocketPair pair, ktls::ConnectLoopback());
  const auto name = NameOfConnection(pair.client.borrow());
  if (!name.has_value()) {
    return Error{Code::kSystemFailed, "a connection cannot be named"};
  }
  return diag.Abort(*name);
}

std::unique_ptr<SocketDiag> MakeSocketDiag(
    std::unique_ptr<NetlinkSocket> socket) {
  return std::make_unique<KernelSocketDiag>(std::move(socket));
}

Result<std::unique_ptr<SocketDiag>> OpenSocketDiag() {
  ASSIGN_OR_RETURN(std::unique_ptr<NetlinkSocket> socket,
                   OpenNetlinkSocket(NETLINK_SOCK_DIAG));
  return MakeSocketDiag(std::move(socket));
}

}  // namespace ktlsd::agent
