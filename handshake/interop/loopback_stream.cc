#include "handshake/interop/loopback_stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace ktlsd::handshake {
namespace {

Error SocketError(std::string_view what) {
  if (errno == ECONNRESET || errno == EPIPE) {
    return Error{Code::kPeerReset, what, errno};
  }
  return Error{Code::kSocketFailed, what, errno};
}

// Waits until `events` are there or the deadline has passed.
Status Await(BorrowedFd socket, int16_t events, Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  pollfd waiting{socket.raw(), events, 0};
  const int ready =
      ::poll(&waiting, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
  if (ready < 0) {
    return SocketError("poll");
  }
  if (ready == 0) {
    return Error{Code::kDeadlineTotal, "the peer took too long"};
  }
  return Ok{};
}

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

OwnedFd NewSocket() {
  return OwnedFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

}  // namespace

Result<LoopbackStream> LoopbackStream::Connect(uint16_t port,
                                               Deadline deadline) {
  OwnedFd socket = NewSocket();
  const sockaddr_in address = Loopback(port);
  if (::connect(socket.raw(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) != 0) {
    return SocketError("connect");
  }
  return LoopbackStream(std::move(socket), deadline);
}

Result<std::size_t> LoopbackStream::Read(std::span<uint8_t> buffer) {
  RETURN_IF_ERROR(Await(socket_.borrow(), POLLIN, deadline_));
  const ssize_t count = ::recv(socket_.raw(), buffer.data(), buffer.size(), 0);
  if (count < 0) {
    return SocketError("recv");
  }
  return static_cast<std::size_t>(count);
}

Result<std::size_t> LoopbackStream::Write(ByteView bytes) {
  RETURN_IF_ERROR(Await(socket_.borrow(), POLLOUT, deadline_));
  const ssize_t count =
      ::send(socket_.raw(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count < 0) {
    return SocketError("send");
  }
  return static_cast<std::size_t>(count);
}

Result<LoopbackListener> LoopbackListener::Create(uint16_t port) {
  OwnedFd socket = NewSocket();
  sockaddr_in address = Loopback(port);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.raw(), generic, size) != 0 ||
      ::listen(socket.raw(), 1) != 0 ||
      ::getsockname(socket.raw(), generic, &size) != 0) {
    return SocketError("cannot listen");
  }
  return LoopbackListener(std::move(socket), ntohs(address.sin_port));
}

Result<LoopbackStream> LoopbackListener::Accept(Deadline deadline) {
  RETURN_IF_ERROR(Await(socket_.borrow(), POLLIN, deadline));
  OwnedFd accepted(::accept4(socket_.raw(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!accepted.valid()) {
    return SocketError("accept");
  }
  return LoopbackStream(std::move(accepted), deadline);
}

}  // namespace ktlsd::handshake
