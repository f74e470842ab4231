// The system calls by which keys get into a socket, as a seam for tests.
//
// Scope:     four calls on a descriptor; no policy.
// Layer:     ktls.
// Threads:   one object serves one event loop.
// Privilege: none beyond holding the socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::ktls {

// A failed call is kSocketFailed with its errno in `os_error`.
class SocketOps {
 public:
  virtual ~SocketOps() = default;

  // setsockopt(2).
  virtual Status SetOption(BorrowedFd socket, int level, int name,
                           ByteView value) = 0;
  // getsockopt(2) into `value`; returns how many bytes the kernel wrote.
  virtual Result<std::size_t> GetOption(BorrowedFd socket, int level, int name,
                                        std::span<uint8_t> value) = 0;
  // poll(2) without waiting: the `revents` of `events`.
  virtual Result<short> Poll(BorrowedFd socket, short events) = 0;
  // shutdown(2).
  virtual Status Shutdown(BorrowedFd socket, int how) = 0;
};

class KernelSocketOps final : public SocketOps {
 public:
  Status SetOption(BorrowedFd socket, int level, int name,
                   ByteView value) override;
  Result<std::size_t> GetOption(BorrowedFd socket, int level, int name,
                                std::span<uint8_t> value) override;
  Result<short> Poll(BorrowedFd socket, short events) override;
  Status Shutdown(BorrowedFd socket, int how) override;
};

}  // namespace ktlsd::ktls
