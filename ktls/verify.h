// Asks the kernel whether a socket is protected, and gives the proof.
//
// Scope:     reads the socket's state back: never the keys, never SO_ERROR.
// Layer:     ktls, over base/. Runs in the process that answers the kernel, on
//            its own descriptor of the socket.
// Threads:   as SocketOps.
// Privilege: none beyond holding the socket.
// Design:    docs/design/ktls-offload.md
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/owned_fd.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "ktls/socket_ops.h"

namespace ktlsd::ktls {

// What a socket must be found to be.
struct ExpectedOffload {
  std::span<const CipherSuite> allowed;  // by the job; must outlive the call
  std::optional<uint16_t> send_limit{};  // bytes; as SessionKeys has it
};

// Proof that the kernel encrypts and decrypts one socket, with which suite.
// Only Verify makes one, and success cannot be reported without.
class [[nodiscard]] Offloaded {
 public:
  Offloaded(Offloaded&&) noexcept = default;
  Offloaded& operator=(Offloaded&&) noexcept = default;

  CipherSuite suite() const { return suite_; }

 private:
  friend Result<Offloaded> Verify(SocketOps& ops, BorrowedFd socket,
                                  const ExpectedOffload& expected);
  explicit Offloaded(CipherSuite suite) : suite_(suite) {}

  CipherSuite suite_;
};

// Whether the kernel's TLS sits on `socket`, keyed or not; also true when that
// cannot be found out. What is sent on such a socket may go out in the clear.
bool MayBeAttached(SocketOps& ops, BorrowedFd socket);

// Reads `socket` back: the ULP is "tls"; both directions have TLS 1.3 and the
// same cipher, of a suite that `expected` allows; the limit of records that
// are sent, where one is expected; no error is pending.
//
// Errors: kOffloadNotConfirmed, with what was found wrong; kPeerReset: all was
//         right, but the connection is broken.
// Cost:   four or five system calls, never blocks.
Result<Offloaded> Verify(SocketOps& ops, BorrowedFd socket,
                         const ExpectedOffload& expected);

}  // namespace ktlsd::ktls
