#include "ktls/verify.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "ktls/crypto_info.h"
#include "ktls/uapi.h"

namespace ktlsd::ktls {
namespace {

constexpr std::size_t kUlpNameSize = 16;  // bytes; the kernel's limit

Error NotConfirmed(std::string_view what, int os_error = 0) {
  return Error{Code::kOffloadNotConfirmed, what, os_error};
}

Result<bool> HasTls(SocketOps& ops, BorrowedFd socket) {
  std::array<uint8_t, kUlpNameSize> name{};
  const Result<std::size_t> size =
      ops.GetOption(socket, IPPROTO_TCP, TCP_ULP, name);
  if (!size.ok()) {
    return NotConfirmed("TCP_ULP cannot be read", size.error().os_error);
  }
  // A name with NULs behind it; what the kernel did not write is zero.
  constexpr std::array<uint8_t, kUlpNameSize> kTls = {'t', 'l', 's'};
  return name == kTls;
}

Status CheckUlp(SocketOps& ops, BorrowedFd socket) {
  ASSIGN_OR_RETURN(const bool attached, HasTls(ops, socket));
  return attached ? Status(Ok{}) : NotConfirmed("TCP_ULP is not tls");
}

// The suite that `option` (TLS_TX or TLS_RX) is keyed for. Asks for the head
// of the struct only; the whole of it holds the keys.
Result<CipherSuite> ReadSuite(SocketOps& ops, BorrowedFd socket, int option,
                              std::string_view name) {
  std::array<uint8_t, sizeof(tls_crypto_info)> bytes{};
  const Result<std::size_t> size =
      ops.GetOption(socket, SOL_TLS, option, bytes);
  if (!size.ok()) {
    return NotConfirmed(name, size.error().os_error);
  }
  tls_crypto_info info{};
  std::memcpy(&info, bytes.data(), sizeof(info));
  const std::optional<CipherSuite> suite =
      SuiteOfKernelCipher(info.cipher_type);
  if (*size != bytes.size() || info.version != TLS_1_3_VERSION || !suite) {
    return NotConfirmed(name);
  }
  return *suite;
}

Status CheckSendLimit(SocketOps& ops, BorrowedFd socket, uint16_t limit) {
  std::array<uint8_t, sizeof(uint16_t)> bytes{};
  const Result<std::size_t> size =
      ops.GetOption(socket, SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, bytes);
  if (!size.ok()) {
    return NotConfirmed("TLS_TX_MAX_PAYLOAD_LEN cannot be read",
                        size.error().os_error);
  }
  uint16_t found = 0;
  std::memcpy(&found, bytes.data(), sizeof(found));
  if (*size != sizeof(found) || found != limit) {
    return NotConfirmed("TLS_TX_MAX_PAYLOAD_LEN is not the peer's limit");
  }
  return Ok{};
}

Status CheckNoError(SocketOps& ops, BorrowedFd socket) {
  const Result<short> events = ops.Poll(socket, 0);
  if (!events.ok()) {
    return NotConfirmed("the socket cannot be polled", events.error().os_error);
  }
  if ((*events & POLLNVAL) != 0) {
    return NotConfirmed("there is no socket");
  }
  // The peer broke the connection, which is no doubt about the keys; or bytes
  // were queued when TLS_RX was set, and are no record.
  if ((*events & (POLLERR | POLLHUP)) != 0) {
    return Error{Code::kPeerReset, "the connection broke after the handshake"};
  }
  return Ok{};
}

}  // namespace

bool MayBeAttached(SocketOps& ops, BorrowedFd socket) {
  const Result<bool> attached = HasTls(ops, socket);
  return !attached.ok() || *attached;
}

Result<Offloaded> Verify(SocketOps& ops, BorrowedFd socket,
                         const ExpectedOffload& expected) {
  RETURN_IF_ERROR(CheckUlp(ops, socket));
  ASSIGN_OR_RETURN(const CipherSuite send,
                   ReadSuite(ops, socket, TLS_TX, "TLS_TX is not TLS 1.3"));
  ASSIGN_OR_RETURN(const CipherSuite receive,
                   ReadSuite(ops, socket, TLS_RX, "TLS_RX is not TLS 1.3"));
  if (send != receive) {
    return NotConfirmed("TLS_TX and TLS_RX differ");
  }
  if (std::ranges::find(expected.allowed, send) == expected.allowed.end()) {
    return NotConfirmed("a suite that was not allowed");
  }
  if (expected.send_limit) {
    RETURN_IF_ERROR(CheckSendLimit(ops, socket, *expected.send_limit));
  }
  RETURN_IF_ERROR(CheckNoError(ops, socket));
  return Offloaded(send);
}

}  // namespace ktlsd::ktls
