#include "kernel-tests/load/session.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <span>

namespace ktlsd::load {
namespace {

EnginePtr NewEngine(const ktlsd_config* config) {
  ktlsd_engine* engine = nullptr;
  ktlsd_engine_new(config, &engine);
  return EnginePtr(engine);
}

// As the kernel's client does: the call that follows a handshake does not wait
// for the Finished to be acknowledged.
void SetNoDelay(BorrowedFd socket) {
  const int on = 1;
  ::setsockopt(socket.raw(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

Session::Session(const ktlsd_config* config, const sockaddr_in& server,
                 uint32_t xid)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      engine_(NewEngine(config)),
      xid_(xid) {
  SetNoDelay(socket_.borrow());
  sockaddr_in copy = server;
  if (::connect(socket_.raw(), reinterpret_cast<sockaddr*>(&copy),
                sizeof(copy)) != 0 &&
      errno != EINPROGRESS) {
    socket_.Close();
  }
}

Session::Progress Session::Step() {
  for (;;) {
    const Progress progress = StepStage();
    if (progress != Progress::kDone || stage_ == Stage::kReply) {
      return progress;
    }
    stage_ = static_cast<Stage>(static_cast<uint8_t>(stage_) + 1);
  }
}

Session::Progress Session::StepStage() {
  switch (stage_) {
    case Stage::kAsk:
      return Send(agent::RpcFlavor::kTls);
    case Stage::kAgree:
      return Receive(Reply::kStartTls, "no_starttls");
    case Stage::kHandshake:
      return Handshake();
    case Stage::kCall:
      return Send(agent::RpcFlavor::kNone);
    case Stage::kReply:
      return Receive(Reply::kSuccess, "no_reply");
  }
  return Fail("internal");
}

Session::Progress Session::Send(agent::RpcFlavor flavor) {
  const Bytes call = agent::NullCall(xid_, flavor);
  const ssize_t sent =
      ::send(socket_.raw(), call.data(), call.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno == EAGAIN) {
    return Progress::kWaits;  // not connected yet
  }
  if (sent != static_cast<ssize_t>(call.size())) {
    return Fail("not_connected");
  }
  received_ = 0;
  return Progress::kDone;
}

Session::Progress Session::Receive(Reply wanted, std::string_view otherwise) {
  for (;;) {
    const std::span<uint8_t> room = std::span(answer_).subspan(received_);
    const ssize_t count = ::recv(socket_.raw(), room.data(), room.size(), 0);
    if (count < 0 && errno == EAGAIN) {
      return Progress::kWaits;
    }
    if (count <= 0) {
      return Fail(stage_ == Stage::kAgree ? "closed_before_tls"
                                          : "closed_after_tls");
    }
    received_ += static_cast<std::size_t>(count);
    const Reply reply = ReadReply(std::span(answer_).first(received_), xid_);
    if (reply != Reply::kIncomplete) {
      return reply == wanted ? Progress::kDone : Fail(otherwise);
    }
  }
}

Session::Progress Session::Handshake() {
  if (engine_ == nullptr) {
    return Fail("no_engine");
  }
  for (;;) {
    int wait = 0;
    int code = ktlsd_handshake_fd(engine_.get(), socket_.raw(), &wait);
    if (code == KTLSD_OK && wait == KTLSD_WANT_VERDICT) {
      code = ktlsd_engine_accept_peer(engine_.get());
    } else if (code == KTLSD_OK) {
      return wait == KTLSD_DONE ? Progress::kDone : Progress::kWaits;
    }
    if (code != KTLSD_OK) {
      return Fail(ktlsd_code_name(code));
    }
  }
}

Session::Progress Session::Fail(std::string_view why) {
  failure_ = why;
  return Progress::kFailed;
}

}  // namespace ktlsd::load
