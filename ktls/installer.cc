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
  return SetKeys(ops, socket, Direction::kSend, send);
}

}  // namespace ktlsd::ktls
