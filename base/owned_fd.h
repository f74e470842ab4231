// File descriptors with an owner.
//
// Scope:     OwnedFd closes; BorrowedFd is a descriptor somebody else closes.
// Layer:     base.
// Threads:   value types; a descriptor itself is shared by the process.
#pragma once

#include <unistd.h>

#include <utility>

namespace ktlsd {

// A descriptor lent for the length of a call, or for a documented time.
// There is no way from an int to a BorrowedFd but this constructor.
class BorrowedFd {
 public:
  explicit BorrowedFd(int fd) : fd_(fd) {}
  int raw() const { return fd_; }

 private:
  int fd_;
};

// Owns a descriptor and closes it. Empty after a move. No conversion to bool
// or int: a descriptor of 0 is valid, so both would lie.
class [[nodiscard]] OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.Release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = other.Release();
    }
    return *this;
  }
  ~OwnedFd() { Close(); }

  bool valid() const { return fd_ >= 0; }
  int raw() const { return fd_; }
  BorrowedFd borrow() const { return BorrowedFd(fd_); }

  // Gives the descriptor away: the caller closes it.
  int Release() { return std::exchange(fd_, -1); }

  void Close() {
    if (fd_ >= 0) {
      // EINTR included, Linux has closed the descriptor when close returns.
      ::close(std::exchange(fd_, -1));
    }
  }

 private:
  int fd_ = -1;
};

}  // namespace ktlsd
