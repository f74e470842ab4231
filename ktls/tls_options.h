// The TLS options of a socket, by what they do.
//
// Scope:     one setsockopt each, and what its errno means. The order is the
//            installer's.
// Layer:     ktls; private to it.
// Threads:   as SocketOps.
#pragma once

#include <cstdint>

#include "base/owned_fd.h"
#include "base/result.h"
#include "ktls/crypto_info.h"
#include "ktls/socket_ops.h"

namespace ktlsd::ktls {

enum class Direction : uint8_t { kReceive, kSend };

// TCP_ULP "tls". It cannot be taken back.
// Errors: kKernelLacksTls  no tls module, or a kernel without it
//         kPeerClosed      the peer has already ended the connection
//         kNoMemory, kOffloadFailed
Status AttachTls(SocketOps& ops, BorrowedFd socket);

// TLS_TX or TLS_RX.
// Errors: kCipherNotOffloadable, kPeerClosed, kNoMemory, kOffloadFailed
Status SetKeys(SocketOps& ops, BorrowedFd socket, Direction direction,
               const CryptoInfo& info);

// TLS_TX_MAX_PAYLOAD_LEN: the most content of one record, in bytes.
// Errors: kOffloadFailed, also where the kernel does not know the option
Status LimitPayload(SocketOps& ops, BorrowedFd socket, uint16_t bytes);

}  // namespace ktlsd::ktls
