#include "ktls/installer.h"

#include <utility>

#include "ktls/crypto_info.h"
#include "ktls/tls_options.h"

namespace ktlsd::ktls {

Status Install(SocketOps& ops, BorrowedFd socket, SessionKeys&& keys,
               Finished /*finished*/, Drained /*drained*/,
               Flushed /*flushed*/) {
  const SessionKeys consumed = std::move(keys);
  // Both before the socket is touched: what fails here leaves it as it was.
  ASSIGN_OR_RETURN(const CryptoInfo receive,
                   MakeCryptoInfo(consumed.suite, consumed.receive));
  ASSIGN_OR_RETURN(const CryptoInfo send,
                   MakeCryptoInfo(consumed.suite, consumed.send));
  RETURN_IF_ERROR(AttachTls(ops, socket));
  RETURN_IF_ERROR(SetKeys(ops, socket, Direction::kReceive, receive));
  RETURN_IF_ERROR(SetKeys(ops, socket, Direction::kSend, send));
  // Last: the kernel's minimum of 63 bytes holds once TLS 1.3 is set.
  if (consumed.send_limit) {
    return LimitPayload(ops, socket, *consumed.send_limit);
  }
  return Ok{};
}

}  // namespace ktlsd::ktls
