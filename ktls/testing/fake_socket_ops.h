// A kernel with TLS, as far as one connected socket can see it.
//
// Scope:     the state that setsockopt makes and getsockopt and poll show,
//            with the kernel's rules and errors; every descriptor stands for
//            the one socket. Any call can be made to fail, any answer to lie.
// Layer:     ktls, tests only.
// Threads:   thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "ktls/socket_ops.h"

namespace ktlsd::ktls {

// What the modelled kernel has, and what happened to the connection.
struct FakeKernel {
  bool tls_module = true;
  std::vector<CipherSuite> ciphers = {
      CipherSuite::kAes128GcmSha256, CipherSuite::kAes256GcmSha384,
      CipherSuite::kChaCha20Poly1305Sha256, CipherSuite::kAes128CcmSha256};
  bool payload_limit = true;
  bool peer_closed = false;     // TCP_ULP then gives ENOTCONN
  bool garbage_queued = false;  // TLS_RX succeeds and leaves POLLERR
};

class FakeSocketOps : public SocketOps {
 public:
  explicit FakeSocketOps(FakeKernel kernel = {}) : kernel_(std::move(kernel)) {}

  // The n-th call from now, counted from 1, fails with `os_error`.
  void FailCall(int n, int os_error) {
    failing_ = {calls_.size() + n, os_error};
  }
  // GetOption of `name` gives `value`, whatever the state is.
  void ReadBackAs(int level, int name, Bytes value) {
    lies_[{level, name}] = std::move(value);
  }
  // Poll shows these events.
  void SetPendingEvents(short events) { events_ = events; }
  // The socket is a new one.
  void Reset();

  const std::vector<std::string>& calls() const { return calls_; }
  const Bytes& keys(int name) const;  // of TLS_TX or TLS_RX; may be empty
  bool keyed_both_ways() const;
  // What must never happen: keys read back, SO_ERROR read.
  bool keys_were_read() const { return keys_were_read_; }
  bool error_was_read() const { return error_was_read_; }

  Status SetOption(BorrowedFd socket, int level, int name,
                   ByteView value) override;
  Result<std::size_t> GetOption(BorrowedFd socket, int level, int name,
                                std::span<uint8_t> value) override;
  Result<short> Poll(BorrowedFd socket, short events) override;
  Status Shutdown(BorrowedFd socket, int how) override;

 private:
  // Logs a call; an errno when it is to fail, else 0.
  int Begin(std::string call);
  int AttachTls(ByteView value);
  int SetKeys(int name, ByteView value);
  int LimitPayload(ByteView value);
  int SetTlsOption(int name, ByteView value);
  Result<Bytes> Read(int level, int name, std::size_t size);

  FakeKernel kernel_;
  std::vector<std::string> calls_;
  std::optional<std::pair<std::size_t, int>> failing_;
  std::map<std::pair<int, int>, Bytes> lies_;
  bool is_tls_ = false;
  std::map<int, Bytes> keys_;
  Bytes payload_limit_;
  short events_ = 0;
  bool keys_were_read_ = false;
  bool error_was_read_ = false;
};

}  // namespace ktlsd::ktls
