#include "ktls/socket_ops.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace ktlsd::ktls {

Status KernelSocketOps::SetOption(BorrowedFd socket, int level, int name,
                                  ByteView value) {
  if (::setsockopt(socket.raw(), level, name, value.data(),
                   static_cast<socklen_t>(value.size())) != 0) {
    return Error{Code::kSocketFailed, "setsockopt", errno};
  }
  return Ok{};
}

Result<std::size_t> KernelSocketOps::GetOption(BorrowedFd socket, int level,
                                               int name,
                                               std::span<uint8_t> value) {
  auto size = static_cast<socklen_t>(value.size());
  if (::getsockopt(socket.raw(), level, name, value.data(), &size) != 0) {
    return Error{Code::kSocketFailed, "getsockopt", errno};
  }
  return std::size_t{size};
}

Result<short> KernelSocketOps::Poll(BorrowedFd socket, short events) {
  pollfd entry = {socket.raw(), events, 0};
  if (::poll(&entry, 1, 0) < 0) {
    return Error{Code::kSocketFailed, "poll", errno};
  }
  return entry.revents;
}

Status KernelSocketOps::Shutdown(BorrowedFd socket, int how) {
  if (::shutdown(socket.raw(), how) != 0) {
    return Error{Code::kSocketFailed, "shutdown", errno};
  }
  return Ok{};
}

}  // namespace ktlsd::ktls
