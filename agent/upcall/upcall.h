// One request of the kernel, which is answered exactly once.
//
// Scope:     a linear type: Succeed or Fail consume it, and one that is dropped
//            reports a failure. Success takes the proof Offloaded.
// Layer:     agent/upcall.
// Threads:   one thread.
// Privilege: CAP_NET_ADMIN, through HandshakeKernel.
// Design:    docs/design/process-model.md
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/netlink/handshake_kernel.h"
#include "agent/upcall/consumer.h"
#include "base/error_codes.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "ktls/verify.h"

namespace ktlsd::agent {

// Whether the kernel refused an answer with this because nobody waits for it
// any more: that is no trouble.
bool ConsumerGone(const Error& refusal);

// What the kernel is told about who the peer is.
class RemoteAuth {
 public:
  // Nobody whom this consumer would ask about.
  static RemoteAuth None() { return RemoteAuth(std::nullopt); }
  // A verified certificate without a key serial. nfsd takes it for mutual TLS.
  static RemoteAuth VerifiedCertificate() { return RemoteAuth(-1); }
  // The same, as a key of this serial, which the monitor added itself.
  static RemoteAuth CertificateKey(KeySerial serial) {
    return RemoteAuth(serial);
  }
  // Whoever holds this PSK, which the handshake was made with.
  static RemoteAuth Psk(KeySerial serial) { return RemoteAuth(serial); }

  std::optional<KeySerial> serial() const { return serial_; }

 private:
  explicit RemoteAuth(std::optional<KeySerial> serial) : serial_(serial) {}
  std::optional<KeySerial> serial_;
};

class [[nodiscard]] Upcall {
 public:
  // `kernel` must outlive the upcall.
  Upcall(HandshakeKernel& kernel, Request request);
  Upcall(Upcall&&) noexcept;
  Upcall& operator=(Upcall&&) = delete;
  ~Upcall();  // unanswered: reports kInternal

  const Request& request() const { return request_; }
  const HandshakeKernel& kernel() const { return *kernel_; }
  BorrowedFd socket() const { return request_.socket.borrow(); }
  Consumer consumer() const { return consumer_; }

  // Tells the kernel that the session is up and, if it takes that, the peer's
  // session `tags`, joined by commas; closes the socket. What may
  // pass (no memory, no acknowledgement) is tried again at once, a few times:
  // a second DONE means nothing to the kernel.
  // Errors: kNetlinkFailed; the kernel did not take the answer.
  Status Succeed(ktls::Offloaded proof, RemoteAuth remote,
                 std::string_view tags) &&;

  // Tells the kernel the errno that `why` is to its consumer, and closes the
  // socket. Errors as above.
  Status Fail(Code why) &&;
  uint32_t os_error(Code why) const;

 private:
  Status Answer(const DoneAnswer& answer);

  HandshakeKernel* kernel_;
  Request request_;
  Consumer consumer_;
};

}  // namespace ktlsd::agent
