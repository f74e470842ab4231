#include "agent/systemd/notifier.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

#include "agent/systemd/environment.h"

namespace ktlsd::agent {
namespace {

constexpr timeval kLongestSend{1, 0};

struct Address {
  sockaddr_un name{};
  socklen_t size = 0;
};

Result<Address> ParseAddress(std::string_view text) {
  Address address;
  address.name.sun_family = AF_UNIX;
  const bool known = text.size() > 1 && (text[0] == '/' || text[0] == '@');
  if (!known || text.size() >= sizeof(address.name.sun_path)) {
    return Error{Code::kConfigUnusable, "NOTIFY_SOCKET is no address"};
  }
  std::copy(text.begin(), text.end(), address.name.sun_path);
  const bool abstract = text[0] == '@';
  if (abstract) {
    address.name.sun_path[0] = '\0';
  }
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                        text.size() + (abstract ? 0 : 1));
  return address;
}

Result<OwnedFd> ConnectTo(std::string_view text) {
  ASSIGN_OR_RETURN(const Address address, ParseAddress(text));
  OwnedFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid() ||
      ::setsockopt(socket.raw(), SOL_SOCKET, SO_SNDTIMEO, &kLongestSend,
                   sizeof(kLongestSend)) != 0 ||
      ::connect(socket.raw(), reinterpret_cast<const sockaddr*>(&address.name),
                address.size) != 0) {
    return Error{Code::kSystemFailed, "cannot reach the service manager",
                 errno};
  }
  return socket;
}

// Returns 0 or an errno.
int SendTo(const OwnedFd& socket, std::string& text, BorrowedFd descriptor,
           int flags) {
  iovec piece{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (descriptor.raw() >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int number = descriptor.raw();
    std::memcpy(CMSG_DATA(header), &number, sizeof(number));
  }
  for (;;) {
    if (::sendmsg(socket.raw(), &message, flags | MSG_NOSIGNAL) >= 0) {
      return 0;
    }
    if (errno != EINTR) {
      return errno;
    }
  }
}

// A line must not become several.
std::string Line(const std::string& text) {
  std::string line = text;
  std::ranges::replace(line, '\n', ' ');
  return line;
}

}  // namespace

Notifier::Notifier(std::string address, OwnedFd socket)
    : address_(std::move(address)), socket_(std::move(socket)) {}

Result<Notifier> Notifier::Connect(std::string_view address) {
  ASSIGN_OR_RETURN(OwnedFd socket, ConnectTo(address));
  return Notifier(std::string(address), std::move(socket));
}

Result<Notifier> Notifier::FromEnvironment() {
  const std::optional<std::string> address = TakeText("NOTIFY_SOCKET");
  return address.has_value() ? Connect(*address) : Notifier();
}

void Notifier::Ready(const std::string& status) {
  Send("READY=1\nSTATUS=" + Line(status));
}

void Notifier::Status(const std::string& status) {
  Send("STATUS=" + Line(status));
}

void Notifier::Reloading(MonotonicTime now) {
  const auto since_boot =
      std::chrono::floor<std::chrono::microseconds>(now.time_since_epoch());
  Send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", since_boot.count()));
}

void Notifier::Stopping() { Send("STOPPING=1"); }

void Notifier::Beat(const std::string& status) {
  Send("WATCHDOG=1\nSTATUS=" + Line(status), BorrowedFd(-1), Patience::kNone);
}

void Notifier::Keep(const std::string& name, BorrowedFd descriptor) {
  // FDPOLL: an overrun netlink socket shows an error, and would be dropped.
  Send("FDSTORE=1\nFDNAME=" + name + "\nFDPOLL=0", descriptor);
}

void Notifier::Forget(const std::string& name) {
  Send("FDSTOREREMOVE=1\nFDNAME=" + name);
}

void Notifier::Send(std::string text, BorrowedFd descriptor,
                    Patience patience) {
  if (!connected()) {
    return;
  }
  const int flags = patience == Patience::kNone ? MSG_DONTWAIT : 0;
  const int error = SendTo(socket_, text, descriptor, flags);
  if (error != ECONNREFUSED && error != ENOTCONN) {
    return;
  }
  // Whoever listened is gone; somebody else may listen at the same place.
  if (Result<OwnedFd> again = ConnectTo(address_); again.ok()) {
    socket_ = std::move(again).value();
    static_cast<void>(SendTo(socket_, text, descriptor, flags));
  }
}

}  // namespace ktlsd::agent
