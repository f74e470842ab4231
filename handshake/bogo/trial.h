// One connection of the shim: a handshake as the flags want it, checked
// against what they expect.
//
// Layer:     handshake/bogo: tests only.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/bogo/flags.h"
#include "handshake/bogo/socket.h"
#include "handshake/config.h"
#include "handshake/credential.h"
#include "handshake/engine.h"
#include "handshake/peer_proof.h"
#include "handshake/proofs.h"

namespace ktlsd::handshake {

class Trial {
 public:
  // Reads the files that `flags` names.
  static Result<Trial> Create(Flags flags);

  // Handshakes over `socket`, and checks the expectations: kInternal, naming
  // the first that does not hold.
  Result<Session> Handshake(Socket& socket);

  // After the handshake: whether the client would take a ticket for a PSK with
  // a key agreement (RFC 8446 section 4.2.9).
  bool peer_takes_tickets() const { return peer_takes_tickets_; }

 private:
  Trial(Flags flags, std::optional<Credential> ours)
      : flags_(std::move(flags)), ours_(std::move(ours)) {}

  Engine MakeEngine() const;
  Result<bool> Answer(Engine& engine, const Wait& wait, Socket& socket);
  Status Read(Engine& engine, std::size_t limit, Socket& socket);
  Status Write(Engine& engine, Socket& socket);
  Result<ServerConfig> Configuration(const ClientHello& hello);
  Status CheckCallbacks() const;
  Result<Bytes> Sign(const SignatureRequest& request) const;
  Result<PeerVerified> Judge(const PeerProof& proof);
  Status CheckHello(const ClientHello& hello) const;
  Status CheckOutcome(const HandshakeInfo& info) const;
  Status CheckPeer(const HandshakeInfo& info) const;
  LocalCertificate PublicPart() const;

  Flags flags_;
  std::optional<Credential> ours_;
  bool peer_takes_tickets_ = false;
  std::vector<Bytes> peer_chain_;
  std::optional<Bytes> peer_ocsp_response_;
};

}  // namespace ktlsd::handshake
