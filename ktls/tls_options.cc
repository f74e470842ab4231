#include "ktls/tls_options.h"

#include <array>
#include <cerrno>
#include <string_view>

#include "base/key_access.h"
#include "ktls/uapi.h"

namespace ktlsd::ktls {
namespace {

constexpr std::array<uint8_t, 3> kTls = {'t', 'l', 's'};

// What an errno means whichever option gave it.
Code CommonCode(int os_error) {
  switch (os_error) {
    case ENOTCONN:
    case EPIPE:
      return Code::kPeerClosed;
    case ECONNRESET:
      return Code::kPeerReset;
    case ENOMEM:
    case ENOBUFS:
      return Code::kNoMemory;
    default:
      return Code::kOffloadFailed;
  }
}

Code AttachCode(int os_error) {
  switch (os_error) {
    case ENOENT:       // the module is not loaded
    case ENOPROTOOPT:  // no upper-layer protocols at all
    case EOPNOTSUPP:
    case EINVAL:  // an emulator that does not know the option
      return Code::kKernelLacksTls;
    default:
      return CommonCode(os_error);
  }
}

Code KeysCode(int os_error) {
  switch (os_error) {
    case EINVAL:  // the kernel does not know the cipher
    case ENOENT:  // it does, but its algorithm is not there
    case EOPNOTSUPP:
    case ENOPROTOOPT:
      return Code::kCipherNotOffloadable;
    default:
      return CommonCode(os_error);
  }
}

Status Named(const Status& status, std::string_view option,
             Code (*meaning)(int os_error)) {
  if (status.ok()) {
    return status;
  }
  const int os_error = status.error().os_error;
  return Error{meaning(os_error), option, os_error};
}

}  // namespace

Status AttachTls(SocketOps& ops, BorrowedFd socket) {
  return Named(ops.SetOption(socket, IPPROTO_TCP, TCP_ULP, kTls),
               "setting TCP_ULP", AttachCode);
}

Status SetKeys(SocketOps& ops, BorrowedFd socket, Direction direction,
               const CryptoInfo& info) {
  const bool sends = direction == Direction::kSend;
  return Named(ops.SetOption(socket, SOL_TLS, sends ? TLS_TX : TLS_RX,
                             info.Reveal(KeyAccess())),
               sends ? "setting TLS_TX" : "setting TLS_RX", KeysCode);
}

Status LimitPayload(SocketOps& ops, BorrowedFd socket, uint16_t bytes) {
  const std::span<const uint8_t> value(reinterpret_cast<uint8_t*>(&bytes),
                                       sizeof(bytes));
  return Named(ops.SetOption(socket, SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, value),
               "setting TLS_TX_MAX_PAYLOAD_LEN", CommonCode);
}

}  // namespace ktlsd::ktls
