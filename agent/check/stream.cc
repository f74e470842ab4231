#include "agent/check/stream.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>

#include "agent/monitor/socket_facts.h"
#include "base/fn_deleter.h"

namespace ktlsd::agent {
namespace {

using Addresses = std::unique_ptr<addrinfo, FnDeleter<::freeaddrinfo>>;

Error FromErrno(std::string_view what) {
  const bool reset = errno == ECONNRESET || errno == EPIPE;
  return reset ? Error{Code::kPeerReset, "the peer reset the connection"}
               : Error{Code::kSocketFailed, what, errno};
}

Status WaitFor(BorrowedFd socket, int16_t events, MonotonicTime deadline,
               const Error& late) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd waiting{socket.raw(), events, 0};
    const int ready = ::poll(
        &waiting, 1,
        static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1'000'000)));
    if (ready > 0) {
      return Ok{};
    }
    if (ready == 0) {
      return late;
    }
    if (errno != EINTR) {
      return FromErrno("poll");
    }
  }
}

constexpr Error kNoConnection = {Code::kDeadlineTotal,
                                 "the host takes no connection in time"};

Result<OwnedFd> ConnectTo(const addrinfo& address, MonotonicTime deadline) {
  OwnedFd socket(::socket(address.ai_family,
                          SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) {
    return FromErrno("socket");
  }
  if (::connect(socket.raw(), address.ai_addr, address.ai_addrlen) == 0) {
    return socket;
  }
  if (errno != EINPROGRESS) {
    return Error{Code::kSocketFailed, "cannot connect", errno};
  }
  RETURN_IF_ERROR(WaitFor(socket.borrow(), POLLOUT, deadline, kNoConnection));
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(socket.raw(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    return Error{Code::kSocketFailed, "cannot connect", error};
  }
  return socket;
}

}  // namespace

Result<Stream> Stream::Connect(const std::string& host, const std::string& port,
                               MonotonicTime deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
    return Error{Code::kSocketFailed,
                 "the name of the host or port is unknown"};
  }
  const Addresses addresses(found);
  Result<OwnedFd> socket = kNoConnection;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    socket = ConnectTo(*one, deadline);
    if (socket.ok()) {
      return Stream(std::move(socket).value(), deadline);
    }
  }
  return socket.error();
}

Status Stream::Await(int16_t events, const Error& late) {
  return WaitFor(socket_.borrow(), events, deadline_, late);
}

Result<std::size_t> Stream::Read(std::span<uint8_t> into) {
  for (;;) {
    RETURN_IF_ERROR(Await(
        POLLIN,
        heard_ ? Error{Code::kDeadlineProgress, "the peer fell silent"}
               : Error{Code::kDeadlineFirstByte, "the peer never answered"}));
    const ssize_t count =
        ::recv(socket_.raw(), into.data(), into.size(), MSG_DONTWAIT);
    if (count >= 0) {
      heard_ = heard_ || count > 0;
      return static_cast<std::size_t>(count);
    }
    if (errno != EAGAIN && errno != EINTR) {
      return FromErrno("recv");
    }
  }
}

Status Stream::ReadAll(std::span<uint8_t> into) {
  while (!into.empty()) {
    ASSIGN_OR_RETURN(const std::size_t count, Read(into));
    if (count == 0) {
      return Error{Code::kPeerClosed, "the peer closed the connection"};
    }
    into = into.subspan(count);
  }
  return Ok{};
}

Status Stream::Write(ByteView bytes) {
  while (!bytes.empty()) {
    RETURN_IF_ERROR(
        Await(POLLOUT, Error{Code::kDeadlineProgress, "the peer fell silent"}));
    const ssize_t count = ::send(socket_.raw(), bytes.data(), bytes.size(),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
      return FromErrno("send");
    }
    bytes = bytes.subspan(count < 0 ? 0 : static_cast<std::size_t>(count));
  }
  return Ok{};
}

std::string Stream::peer() const {
  return ReadSocketFacts(socket_.borrow()).peer;
}

}  // namespace ktlsd::agent
