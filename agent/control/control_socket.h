// The control socket's place in the file system: root's only.
//
// Scope:     making, naming and removing a listening socket; who is at the
//            other end of a connection.
// Layer:     agent/control.
// Threads:   one thread: the umask is the process's.
#pragma once

#include <string>

#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

// Listens at a path as long as it lives; then nothing is there any more.
class ControlSocket {
 public:
  // Makes the directory (0700) if there is none, and the socket (0600). A
  // socket that nobody listens at is replaced.
  // Errors: kConfigUnusable: a path too long, another daemon's, a directory
  //         that others may write to; kSystemFailed
  static Result<ControlSocket> Listen(const std::string& path);

  ControlSocket(ControlSocket&& other) noexcept;
  ControlSocket& operator=(ControlSocket&&) = delete;
  ~ControlSocket();

  BorrowedFd listener() const { return listener_.borrow(); }
  // The next connection, non-blocking; an empty one when none waits.
  OwnedFd Accept() const;

 private:
  ControlSocket(std::string path, OwnedFd listener)
      : path_(std::move(path)), listener_(std::move(listener)) {}

  std::string path_;  // empty: moved from
  OwnedFd listener_;
};

// Whether the process at the other end was root's when it connected.
bool IsRoots(BorrowedFd connection);

}  // namespace ktlsd::agent
