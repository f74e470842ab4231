#include "agent/control/control_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace ktlsd::agent {
namespace {

constexpr int kBacklog = 8;

Error Failed(std::string_view what) {
  return {Code::kSystemFailed, what, errno};
}

// A directory in which somebody else could put another socket in our place.
Status CheckDirectory(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/'));
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return Failed("cannot make the directory of the control socket");
  }
  struct stat info{};
  if (::lstat(directory.c_str(), &info) != 0) {
    return Failed("cannot look at the directory of the control socket");
  }
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() ||
      (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{Code::kConfigUnusable,
                 "others may write to the directory of the control socket"};
  }
  return Ok{};
}

// Errors: somebody listens there.
Status RemoveStale(const sockaddr_un& address) {
  const OwnedFd probe(
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.raw(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == 0 ||
      errno == EAGAIN) {
    return Error{Code::kConfigUnusable,
                 "another process listens at the control socket"};
  }
  if (errno != ECONNREFUSED) {
    return Ok{};  // nothing is there, or bind will say what
  }
  struct stat info{};
  if (::lstat(address.sun_path, &info) == 0 && S_ISSOCK(info.st_mode)) {
    ::unlink(address.sun_path);
  }
  return Ok{};
}

}  // namespace

Result<ControlSocket> ControlSocket::Listen(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!path.starts_with('/') || path.size() >= sizeof(address.sun_path)) {
    return Error{Code::kConfigUnusable,
                 "the control socket has no absolute path, or a long one"};
  }
  path.copy(address.sun_path, path.size());
  RETURN_IF_ERROR(CheckDirectory(path));
  RETURN_IF_ERROR(RemoveStale(address));
  OwnedFd listener(
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const mode_t old_mask = ::umask(0177);
  const int bound =
      ::bind(listener.raw(), reinterpret_cast<const sockaddr*>(&address),
             sizeof(address));
  const int os_error = errno;
  ::umask(old_mask);
  if (bound != 0) {
    return Error{Code::kSystemFailed, "cannot make the control socket",
                 os_error};
  }
  ControlSocket made(path, std::move(listener));
  if (::listen(made.listener().raw(), kBacklog) != 0) {
    return Failed("cannot listen at the control socket");
  }
  return made;
}

ControlSocket::ControlSocket(ControlSocket&& other) noexcept
    : path_(std::exchange(other.path_, std::string())),
      listener_(std::move(other.listener_)) {}

ControlSocket::~ControlSocket() {
  if (!path_.empty()) {
    ::unlink(path_.c_str());
  }
}

OwnedFd ControlSocket::Accept() const {
  return OwnedFd(::accept4(listener_.raw(), nullptr, nullptr,
                           SOCK_CLOEXEC | SOCK_NONBLOCK));
}

bool IsRoots(BorrowedFd connection) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return ::getsockopt(connection.raw(), SOL_SOCKET, SO_PEERCRED, &peer,
                      &size) == 0 &&
         peer.uid == 0;
}

}  // namespace ktlsd::agent
