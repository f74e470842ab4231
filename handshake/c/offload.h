// Where handshake/ and ktls/ meet for a C program: over one socket.
//
// Scope:     the system calls of the library, but for its reading of files.
//            This folder is the product's edge: the one place below agent/
//            that sees both handshake/ and ktls/.
// Layer:     handshake/c.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "handshake/c/engine.h"
#include "ktls/socket_ops.h"

namespace ktlsd::handshake {

// See ktlsd_engine_install and ktlsd_handshake_fd in ktlsd.h.
Status InstallKeys(ktlsd_engine& engine, BorrowedFd socket,
                   ktls::SocketOps& ops);
Result<ktlsd_wait> HandshakeOver(ktlsd_engine& engine, BorrowedFd socket,
                                 ktls::SocketOps& ops);

// The entries themselves, over any kernel.
int EngineInstall(ktlsd_engine* engine, int fd, ktls::SocketOps& ops) noexcept;
int HandshakeFd(ktlsd_engine* engine, int fd, int* wait,
                ktls::SocketOps& ops) noexcept;

}  // namespace ktlsd::handshake
