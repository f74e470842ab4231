#include "handshake/bogo/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>

namespace ktlsd::handshake {
namespace {

constexpr timeval kLimit = {.tv_sec = 10, .tv_usec = 0};  // of one wait

Error SocketError(std::string_view what) {
  if (errno == ECONNRESET || errno == EPIPE) {
    return Error{Code::kPeerReset, what, errno};
  }
  return Error{Code::kSocketFailed, what, errno};
}

template <typename Address>
OwnedFd ConnectTo(const Address& address, int family) {
  OwnedFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.valid() &&
      ::connect(fd.raw(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == 0) {
    return fd;
  }
  return OwnedFd();
}

OwnedFd ConnectLoopback(uint16_t port) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  six.sin6_addr = in6addr_loopback;
  OwnedFd fd = ConnectTo(six, AF_INET6);
  if (fd.valid()) {
    return fd;
  }
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ConnectTo(four, AF_INET);
}

}  // namespace

Result<Socket> Socket::Connect(uint16_t port, bool one_byte) {
  OwnedFd fd = ConnectLoopback(port);
  if (!fd.valid()) {
    return SocketError("connect");
  }
  const int on = 1;
  if (::setsockopt(fd.raw(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
      ::setsockopt(fd.raw(), SOL_SOCKET, SO_RCVTIMEO, &kLimit,
                   sizeof(kLimit)) != 0 ||
      ::setsockopt(fd.raw(), SOL_SOCKET, SO_SNDTIMEO, &kLimit,
                   sizeof(kLimit)) != 0) {
    return SocketError("setsockopt");
  }
  return Socket(std::move(fd), one_byte);
}

Result<std::size_t> Socket::Read(std::span<uint8_t> buffer) {
  const std::size_t size = one_byte_ ? 1 : buffer.size();
  const ssize_t count = ::recv(fd_.raw(), buffer.data(), size, 0);
  if (count < 0) {
    return SocketError("recv");
  }
  return static_cast<std::size_t>(count);
}

Result<std::size_t> Socket::Write(ByteView bytes) {
  const std::size_t size = one_byte_ ? 1 : bytes.size();
  const ssize_t count = ::send(fd_.raw(), bytes.data(), size, MSG_NOSIGNAL);
  if (count <= 0) {
    return SocketError("send");
  }
  return static_cast<std::size_t>(count);
}

Status Socket::WriteAll(ByteView bytes) {
  while (!bytes.empty()) {
    ASSIGN_OR_RETURN(const std::size_t count, Write(bytes));
    bytes = bytes.subspan(count);
  }
  return Ok{};
}

void Socket::Finish() {
  ::shutdown(fd_.raw(), SHUT_WR);
  std::array<uint8_t, 4096> dropped;
  while (::recv(fd_.raw(), dropped.data(), dropped.size(), 0) > 0) {
  }
}

}  // namespace ktlsd::handshake
