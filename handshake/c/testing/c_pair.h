// Two engines of the C ABI in memory, and what they need.
//
// Layer:     handshake/c, tests only.
// Threads:   thread-compatible.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/fn_deleter.h"
#include "handshake/c/ktlsd.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {

using ConfigPtr = std::unique_ptr<ktlsd_config, FnDeleter<ktlsd_config_free>>;
using EnginePtr = std::unique_ptr<ktlsd_engine, FnDeleter<ktlsd_engine_free>>;

// The PEM texts of TestPki, made once.
struct CPki {
  explicit CPki(KeyKind kind = KeyKind::kEcdsaP256);

  TestPki pki;
  std::string trust;
  std::string server_chain;
  std::string server_key;
  std::string client_chain;
  std::string client_key;
};

// Null when any of the calls fails (out of memory, say). The client expects
// "server.example" and shows its certificate when asked.
ConfigPtr NewClientConfig(const CPki& pki);
ConfigPtr NewServerConfig(const CPki& pki, int client_auth);
EnginePtr NewEngine(const ktlsd_config* config);

// What became of one end.
struct CEnd {
  ktlsd_engine* engine = nullptr;
  int code = KTLSD_OK;  // the last of ktlsd_engine_step
  int wait = 0;
  std::size_t bytes = 0;
  Bytes sent = {};  // and not taken by the other end yet
  int pieces = 0;   // in which it was sent
  // Answers the waits that are not for I/O; returns what a call returned.
  std::function<int(int wait)> answer = nullptr;
  // Told whenever Connect turns to this end's engine.
  void (*turn)(const CEnd& end) = nullptr;

  bool over() const { return code != KTLSD_OK || wait == KTLSD_DONE; }
  bool done() const { return code == KTLSD_OK && wait == KTLSD_DONE; }
};

// Carries bytes both ways until both ends are over or neither can go on. Does
// not allocate while there is room in `sent`.
void Connect(CEnd& client, CEnd& server);

}  // namespace ktlsd::handshake
