#include "handshake/c/offload.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include "handshake/c/guard.h"
#include "handshake/c/ktlsd.h"
#include "ktls/installer.h"
#include "ktls/verify.h"

namespace ktlsd::handshake {
namespace {

// How many bytes of a refused peer are read away, so that closing the socket
// does not send a RST that destroys our alert: more than TCP's usual window
// at the start, less than would take long.
constexpr std::size_t kMaxDrained = 1U << 18;

enum class Moved : uint8_t { kSome, kNotReady };

Error SocketError(std::string_view what) {
  return Error{Code::kSocketFailed, what, errno};
}

bool NotReady() { return errno == EAGAIN || errno == EWOULDBLOCK; }

// Reads once, never more than `limit` bytes: the rest is the kernel's.
Result<Moved> Read(Engine& engine, std::size_t limit, BorrowedFd socket) {
  std::array<uint8_t, 4096> buffer;
  for (;;) {
    const ssize_t count =
        ::recv(socket.raw(), buffer.data(), std::min(limit, buffer.size()), 0);
    if (count > 0) {
      engine.Feed(ByteView(buffer).first(static_cast<std::size_t>(count)));
      return Moved::kSome;
    }
    if (count == 0 || errno == ECONNRESET) {
      engine.PeerClosed(/*reset=*/count != 0);
      return Moved::kSome;
    }
    if (NotReady()) {
      return Moved::kNotReady;
    }
    if (errno != EINTR) {
      return SocketError("recv failed");
    }
  }
}

Result<Moved> Write(Engine& engine, BorrowedFd socket) {
  for (;;) {
    const ByteView output = engine.output();
    const ssize_t count =
        ::send(socket.raw(), output.data(), output.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      engine.Written(static_cast<std::size_t>(count));
      return Moved::kSome;
    }
    if (NotReady()) {
      return Moved::kNotReady;
    }
    if (errno == EINTR) {
      continue;
    }
    // The reason of a failure is worth more than that its alert got lost.
    if (engine.failure() != nullptr) {
      return engine.failure()->error;
    }
    if (errno == EPIPE || errno == ECONNRESET) {
      return Error{Code::kPeerReset, "the peer reset the connection", errno};
    }
    return SocketError("send failed");
  }
}

// After our alert, or without keys, nothing more is sent, and what the peer has
// sent is taken, without waiting for more.
void EndSending(BorrowedFd socket) {
  ::shutdown(socket.raw(), SHUT_WR);
  std::array<uint8_t, 4096> away;
  std::size_t drained = 0;
  while (drained < kMaxDrained) {
    const ssize_t count =
        ::recv(socket.raw(), away.data(), away.size(), MSG_DONTWAIT);
    if (count <= 0) {
      return;
    }
    drained += static_cast<std::size_t>(count);
  }
}

// Goes on until done, or until the caller must do something.
Result<ktlsd_wait> Exchange(ktlsd_engine& engine, BorrowedFd socket) {
  for (;;) {
    ASSIGN_OR_RETURN(const ktlsd_engine::Step step, engine.Advance());
    Result<Moved> moved = Moved::kNotReady;
    if (step.wait == KTLSD_WANT_WRITE) {
      moved = Write(*engine.core, socket);
    } else if (step.wait == KTLSD_WANT_READ) {
      moved = Read(*engine.core, step.bytes, socket);
    }
    RETURN_IF_ERROR(moved);
    if (*moved == Moved::kNotReady) {
      return step.wait;
    }
  }
}

Status InstallAndVerify(EstablishedSession& established, BorrowedFd socket,
                        ktls::SocketOps& ops) {
  const std::array<CipherSuite, 1> suite = {established.session.info.suite};
  const std::optional<uint16_t> limit = established.session.info.send_limit;
  RETURN_IF_ERROR(ktls::Install(
      ops, socket, std::move(established.session.keys),
      std::move(established.finished), std::move(established.drained),
      std::move(established.flushed)));
  RETURN_IF_ERROR(ktls::Verify(ops, socket, {suite, limit}));
  return Ok{};
}

// As GuardedEngine. What was thrown ends the socket too: nobody knows how far
// its keys came, and the peer must not wait for ever.
template <typename Body>
int GuardedSocket(ktlsd_engine* engine, int fd, ktls::SocketOps& ops,
                  Body&& body) noexcept {
  return Guarded(std::forward<Body>(body), [&](const Error& error) {
    engine->Break(error);
    (void)ops.Shutdown(BorrowedFd(fd), SHUT_RDWR);
  });
}

}  // namespace

Status InstallKeys(ktlsd_engine& engine, BorrowedFd socket,
                   ktls::SocketOps& ops) {
  RETURN_IF_ERROR(engine.Finished());
  if (std::exchange(engine.installed, true)) {
    return Error{Code::kApiMisuse, "the keys were installed before"};
  }
  const Status status = InstallAndVerify(*engine.established, socket, ops);
  if (!status.ok()) {
    engine.Break(status.error());
    // Half keyed, what is sent may go out in the clear.
    if (ktls::MayBeAttached(ops, socket)) {
      (void)ops.Shutdown(socket, SHUT_RDWR);
    }
  }
  return status;
}

Result<ktlsd_wait> HandshakeOver(ktlsd_engine& engine, BorrowedFd socket,
                                 ktls::SocketOps& ops) {
  const Result<ktlsd_wait> wait = Exchange(engine, socket);
  if (!wait.ok()) {
    // Only once: the failure may be that the program called again.
    if (!std::exchange(engine.ended, true)) {
      engine.Break(wait.error());
      EndSending(socket);
    }
    return wait;
  }
  if (*wait == KTLSD_DONE) {
    const Status installed = InstallKeys(engine, socket, ops);
    // Not when the keys were there before: then the socket is in use.
    if (engine.failure) {
      engine.ended = true;
      EndSending(socket);
    }
    RETURN_IF_ERROR(installed);
  }
  return *wait;
}

int EngineInstall(ktlsd_engine* engine, int fd, ktls::SocketOps& ops) noexcept {
  return GuardedSocket(engine, fd, ops, [&]() -> Status {
    if (AnyNull(engine)) {
      return kNullArgument;
    }
    return InstallKeys(*engine, BorrowedFd(fd), ops);
  });
}

int HandshakeFd(ktlsd_engine* engine, int fd, int* wait,
                ktls::SocketOps& ops) noexcept {
  return GuardedSocket(engine, fd, ops, [&]() -> Status {
    if (AnyNull(engine, wait)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(*wait, HandshakeOver(*engine, BorrowedFd(fd), ops));
    return Ok{};
  });
}

}  // namespace ktlsd::handshake

extern "C" {

int ktlsd_engine_install(ktlsd_engine* engine, int fd) noexcept {
  ktlsd::ktls::KernelSocketOps ops;
  return ktlsd::handshake::EngineInstall(engine, fd, ops);
}

int ktlsd_handshake_fd(ktlsd_engine* engine, int fd, int* wait) noexcept {
  ktlsd::ktls::KernelSocketOps ops;
  return ktlsd::handshake::HandshakeFd(engine, fd, wait, ops);
}

}  // extern "C"
