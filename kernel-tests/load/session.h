// One client: connects, asks for TLS, completes the handshake, makes one call.
//
// Scope:     what a peer of nfsd does for one session, over a non-blocking
//            socket; the handshake and the record keys by libktlsd.
// Layer:     kernel-tests; libktlsd.
// Threads:   thread-compatible; never blocks.
#pragma once

#include <ktlsd.h>
#include <netinet/in.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "agent/check/rpc.h"
#include "base/owned_fd.h"
#include "kernel-tests/load/rpc.h"

namespace ktlsd::load {

struct FreeEngine {
  void operator()(ktlsd_engine* engine) const { ktlsd_engine_free(engine); }
};
using EnginePtr = std::unique_ptr<ktlsd_engine, FreeEngine>;

class Session {
 public:
  // Begins to connect. `config` is a client's whose program judges its peers;
  // every certificate is taken, for the peer is what is measured.
  Session(const ktlsd_config* config, const sockaddr_in& server, uint32_t xid);

  enum class Progress : uint8_t { kWaits, kDone, kFailed };
  // Goes on until the socket is not ready: to be called after the socket has
  // become readable or writable (edge-triggered), until it is not kWaits.
  Progress Step();

  int fd() const { return socket_.raw(); }
  // After kFailed: where it ended, or the word of libktlsd's code.
  std::string_view failure() const { return failure_; }

 private:
  enum class Stage : uint8_t { kAsk, kAgree, kHandshake, kCall, kReply };

  // Each: kDone when its stage is over.
  Progress Send(agent::RpcFlavor flavor);
  Progress Receive(Reply wanted, std::string_view otherwise);
  Progress Handshake();
  Progress StepStage();
  Progress Fail(std::string_view why);

  OwnedFd socket_;
  EnginePtr engine_;
  uint32_t xid_;
  Stage stage_ = Stage::kAsk;
  std::size_t received_ = 0;
  std::array<uint8_t, 512> answer_{};
  std::string_view failure_;
};

}  // namespace ktlsd::load
