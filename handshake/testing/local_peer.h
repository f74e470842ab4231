// One end of a handshake in memory: an Engine with its key and its trust, all
// waits but input and output resolved on the spot.
//
// Scope:     for tests, fuzzers and test programs; nothing here is constant or
//            secret.
// Layer:     handshake/testing.
// Threads:   thread-compatible.
#pragma once

#include <functional>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/config.h"
#include "handshake/credential.h"
#include "handshake/engine.h"
#include "handshake/local_psks.h"
#include "handshake/peer_verifier.h"

namespace ktlsd::handshake {

// What one end needs. Everything pointed to must outlive the peer.
struct LocalPeerSetup {
  // Best first; a client may have none.
  std::vector<const Credential*> credentials;
  const TrustStore* trust = nullptr;
  PeerPolicy policy;  // of the other end
  ClientConfig client;
  ServerConfig server;                 // its certificates come from there
  std::optional<Bytes> ocsp_response;  // goes with the server's certificates
  const LocalPsks* psks = nullptr;     // a client offers them all
};

class LocalPeer {
 public:
  static LocalPeer Client(LocalPeerSetup setup);
  static LocalPeer Server(LocalPeerSetup setup);

  Engine& engine() { return engine_; }
  const Engine& engine() const { return engine_; }

  // Resolves one wait for a signature, configuration, verdict or PSK; false
  // when the engine wants input, has output, or is over.
  bool Resolve();
  // Resolves all of them.
  void Settle();

  bool done() const { return std::holds_alternative<Done>(engine_.wait()); }
  const Failed* failure() const { return engine_.failure(); }
  std::optional<std::size_t> wants() const;

 private:
  LocalPeer(Engine engine, LocalPeerSetup setup)
      : engine_(std::move(engine)), setup_(std::move(setup)) {}
  Result<PeerVerified> Judge(const PeerProof& proof) const;

  Engine engine_;
  LocalPeerSetup setup_;
};

// Changes bytes on their way; gets the offset of the first one in the stream
// of its direction. Returning false cuts the stream behind these bytes, of
// which the hook may have left only a part.
using OnTheWire = std::function<bool(std::size_t offset, Bytes& bytes)>;

// Carries bytes between the two, in reads of at most `most` bytes, until both
// are over or neither can go on; then tells those that still wait that the
// stream ended.
struct Wire {
  OnTheWire to_server;
  OnTheWire to_client;
  std::size_t most = SIZE_MAX;
};
void Connect(LocalPeer& client, LocalPeer& server, const Wire& wire = {});

}  // namespace ktlsd::handshake
