// What a ktlsd_engine holds: an Engine, and what answers its waits.
//
// Scope:     local answers (our key, our trust store) are given here, the
//            others are the C program's. No I/O.
// Layer:     handshake/c.
// Threads:   thread-compatible.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/c/config.h"
#include "handshake/c/guard.h"
#include "handshake/c/ktlsd.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/engine.h"
#include "handshake/peer_proof.h"

struct ktlsd_engine {
  // With a copy of a checked config, or none for an acceptor.
  explicit ktlsd_engine(const ktlsd_config* chosen);

  struct Step {
    ktlsd_wait wait;
    std::size_t bytes;
  };
  // Answers what can be answered here; what is left is the caller's. The
  // handshake's failure, once its alert is written.
  ktlsd::Result<Step> Advance();

  // The running handshake, or kApiMisuse (over) or what broke it.
  ktlsd::Result<ktlsd::handshake::Engine*> Running();
  // Running, and waiting for a T.
  template <typename T>
  ktlsd::Result<T> Awaited() const;

  // Takes the configuration that a WANT_CONFIG waits for.
  ktlsd::Status Configure(const ktlsd_config& chosen);
  // The program's verdict: accepted, if the peer holds its key.
  ktlsd::Status AcceptPeer();

  // Drops all that is secret: an exception may have left it half moved.
  void Break(const ktlsd::Error& error) noexcept;

  // The session, once the handshake is done; else kApiMisuse.
  ktlsd::Result<const ktlsd::handshake::Session*> Finished() const;

  std::unique_ptr<const ktlsd_config> config;
  std::unique_ptr<ktlsd::handshake::Engine> core;
  std::unique_ptr<ktlsd::handshake::EstablishedSession> established;
  std::optional<ktlsd::Error> failure;
  bool installed = false;  // its keys were given to the kernel, or lost
  bool ended = false;      // a failure over a socket was dealt with
  std::optional<ktlsd::CalendarTime> today;  // the system's, if none
  std::vector<ktlsd::Bytes> peer_chain;
  std::optional<ktlsd::Bytes> peer_ocsp_response;
  std::string peer_subject;
  ktlsd::Bytes to_sign;  // the content of the signature that is awaited

 private:
  // Whether a wait was answered; `step` is set when not.
  bool Answer(const ktlsd::handshake::Wait& wait, Step& step);
  bool AnswerSignature(const ktlsd::handshake::SignatureRequest& request);
  bool AnswerVerdict(const ktlsd::handshake::PeerProof& proof);
  ktlsd::Result<ktlsd::handshake::PeerVerified> Judge(
      const ktlsd::handshake::PeerProof& proof);
  ktlsd::Status TakeSession();
};

namespace ktlsd::handshake {

// As Guarded, for a call that changes `engine`: what was thrown breaks it.
template <typename Body>
int GuardedEngine(ktlsd_engine* engine, Body&& body) noexcept {
  return Guarded(std::forward<Body>(body), [engine](const Error& error) {
    if (engine != nullptr) {
      engine->Break(error);
    }
  });
}

}  // namespace ktlsd::handshake

template <typename T>
ktlsd::Result<T> ktlsd_engine::Awaited() const {
  if (core) {
    const ktlsd::handshake::Wait wait = core->wait();
    if (const T* awaited = std::get_if<T>(&wait)) {
      return *awaited;
    }
  }
  return ktlsd::Error{ktlsd::Code::kApiMisuse, "not what the engine waits for"};
}
