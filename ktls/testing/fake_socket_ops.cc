#include "ktls/testing/fake_socket_ops.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "ktls/crypto_info.h"
#include "ktls/uapi.h"

namespace ktlsd::ktls {
namespace {

std::string OptionName(int level, int name) {
  if (level == IPPROTO_TCP && name == TCP_ULP) {
    return "TCP_ULP";
  }
  if (level == SOL_TLS && (name == TLS_TX || name == TLS_RX)) {
    return name == TLS_TX ? "TLS_TX" : "TLS_RX";
  }
  if (level == SOL_TLS && name == TLS_TX_MAX_PAYLOAD_LEN) {
    return "TLS_TX_MAX_PAYLOAD_LEN";
  }
  return std::to_string(level) + "/" + std::to_string(name);
}

tls_crypto_info HeadOf(ByteView value) {
  tls_crypto_info head{};
  std::memcpy(&head, value.data(), std::min(value.size(), sizeof(head)));
  return head;
}

// The size of the struct of a suite's cipher.
std::size_t InfoSize(CipherSuite suite) {
  switch (suite) {
    case CipherSuite::kAes128GcmSha256:
      return sizeof(tls12_crypto_info_aes_gcm_128);
    case CipherSuite::kAes256GcmSha384:
      return sizeof(tls12_crypto_info_aes_gcm_256);
    case CipherSuite::kChaCha20Poly1305Sha256:
      return sizeof(tls12_crypto_info_chacha20_poly1305);
    case CipherSuite::kAes128CcmSha256:
      return sizeof(tls12_crypto_info_aes_ccm_128);
  }
  return 0;
}

Status Outcome(int os_error, std::string_view call) {
  if (os_error != 0) {
    return Error{Code::kSocketFailed, call, os_error};
  }
  return Ok{};
}

}  // namespace

void FakeSocketOps::Reset() {
  is_tls_ = false;
  keys_.clear();
  payload_limit_.clear();
  events_ = 0;
}

const Bytes& FakeSocketOps::keys(int name) const {
  static const Bytes kNone;
  const auto found = keys_.find(name);
  return found == keys_.end() ? kNone : found->second;
}

bool FakeSocketOps::keyed_both_ways() const {
  return !keys(TLS_TX).empty() && !keys(TLS_RX).empty();
}

int FakeSocketOps::Begin(std::string call) {
  calls_.push_back(std::move(call));
  const bool fails = failing_ && failing_->first == calls_.size();
  return fails ? failing_->second : 0;
}

int FakeSocketOps::AttachTls(ByteView value) {
  if (!SameBytes(value, Bytes{'t', 'l', 's'}) || !kernel_.tls_module) {
    return ENOENT;
  }
  if (is_tls_) {
    return EEXIST;
  }
  if (kernel_.peer_closed) {
    return ENOTCONN;
  }
  is_tls_ = true;
  return 0;
}

int FakeSocketOps::SetKeys(int name, ByteView value) {
  const tls_crypto_info head = HeadOf(value);
  const std::optional<CipherSuite> suite =
      SuiteOfKernelCipher(head.cipher_type);
  if (head.version != TLS_1_3_VERSION || !suite ||
      value.size() != InfoSize(*suite)) {
    return EINVAL;
  }
  if (!keys(name).empty()) {
    return EBUSY;
  }
  const Bytes& other = keys(name == TLS_TX ? TLS_RX : TLS_TX);
  if (!other.empty() && HeadOf(other).cipher_type != head.cipher_type) {
    return EINVAL;
  }
  if (std::ranges::find(kernel_.ciphers, *suite) == kernel_.ciphers.end()) {
    return ENOENT;
  }
  keys_[name].assign(value.begin(), value.end());
  if (name == TLS_RX && kernel_.garbage_queued) {
    events_ |= POLLERR;
  }
  return 0;
}

int FakeSocketOps::LimitPayload(ByteView value) {
  if (!kernel_.payload_limit) {
    return ENOPROTOOPT;
  }
  if (value.size() != sizeof(uint16_t)) {
    return EINVAL;
  }
  payload_limit_.assign(value.begin(), value.end());
  return 0;
}

int FakeSocketOps::SetTlsOption(int name, ByteView value) {
  if (!is_tls_) {
    return ENOPROTOOPT;
  }
  return name == TLS_TX_MAX_PAYLOAD_LEN ? LimitPayload(value)
                                        : SetKeys(name, value);
}

Status FakeSocketOps::SetOption(BorrowedFd /*socket*/, int level, int name,
                                ByteView value) {
  int os_error = Begin("set " + OptionName(level, name));
  if (os_error == 0) {
    os_error =
        level == IPPROTO_TCP ? AttachTls(value) : SetTlsOption(name, value);
  }
  return Outcome(os_error, "setsockopt");
}

Result<Bytes> FakeSocketOps::Read(int level, int name, std::size_t size) {
  if (const auto lie = lies_.find({level, name}); lie != lies_.end()) {
    return lie->second;
  }
  if (level == IPPROTO_TCP) {
    return is_tls_ ? Bytes{'t', 'l', 's', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
                   : Bytes();
  }
  if (!is_tls_) {
    return Error{Code::kSocketFailed, "getsockopt", ENOPROTOOPT};
  }
  if (name == TLS_TX_MAX_PAYLOAD_LEN) {
    return payload_limit_;
  }
  if (keys(name).empty()) {
    return Error{Code::kSocketFailed, "getsockopt", EBUSY};
  }
  keys_were_read_ = keys_were_read_ || size > sizeof(tls_crypto_info);
  return keys(name);
}

Result<std::size_t> FakeSocketOps::GetOption(BorrowedFd /*socket*/, int level,
                                             int name,
                                             std::span<uint8_t> value) {
  if (level == SOL_SOCKET && name == SO_ERROR) {
    error_was_read_ = true;
    events_ = static_cast<short>(events_ & ~POLLERR);
  }
  RETURN_IF_ERROR(
      Outcome(Begin("get " + OptionName(level, name)), "getsockopt"));
  ASSIGN_OR_RETURN(const Bytes bytes, Read(level, name, value.size()));
  const std::size_t size = std::min(bytes.size(), value.size());
  std::copy_n(bytes.begin(), size, value.begin());
  return size;
}

Result<short> FakeSocketOps::Poll(BorrowedFd /*socket*/, short events) {
  RETURN_IF_ERROR(Outcome(Begin("poll"), "poll"));
  return static_cast<short>(events_ & (events | POLLERR | POLLHUP | POLLNVAL));
}

Status FakeSocketOps::Shutdown(BorrowedFd /*socket*/, int /*how*/) {
  return Outcome(Begin("shutdown"), "shutdown");
}

}  // namespace ktlsd::ktls
