// Hands a finished handshake's keys to the kernel (kernel TLS).
//
// Scope:     TCP_ULP "tls", TLS_RX, TLS_TX, and TLS_TX_MAX_PAYLOAD_LEN where a
//            limit was negotiated, in this order. That they took hold is not
//            said here but by Verify (ktls/verify.h).
// Layer:     ktls, over base/; knows no handshake and no netlink.
// Threads:   as SocketOps.
// Privilege: none beyond holding the socket; the tls module must be loaded.
// Design:    docs/design/ktls-offload.md
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "ktls/socket_ops.h"

namespace ktlsd::ktls {

// Installs both directions of `keys` on `socket`.
//
// Consumes the keys, which are wiped on every path, and the proofs, without
// which the kernel would miss or wrap bytes of the handshake.
// Requires: no read or poll of `socket` is under way any more.
// Errors:   kKernelLacksTls        no tls module
//           kCipherNotOffloadable  this kernel lacks the cipher
//           kPeerClosed            the peer ended the connection meanwhile
//           kNoMemory, kOffloadFailed, kCryptoFailed, kApiMisuse
//           `what` names the option. After any error the socket may be keyed
//           in one direction: nothing may be written to it any more.
// The kernel takes up what the peer sent already during the call. When that is
// no record the call succeeds all the same, and Verify sees it: nobody may read
// SO_ERROR before, which would clear the error while reading stays stopped.
// Cost:     three or four system calls, never blocks.
Status Install(SocketOps& ops, BorrowedFd socket, SessionKeys&& keys,
               Finished finished, Drained drained, Flushed flushed);

}  // namespace ktlsd::ktls
