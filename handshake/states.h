// The states of a TLS 1.3 handshake, read first.
//
// A type per state, move-only, holding only what is valid there. A transition
// is an rvalue-qualified method that consumes its state and returns the next
// one; leaving a step out does not compile (see testing/*_must_not_compile.cc).
// States turn handshake messages into messages: records, alerts and waiting
// are the Engine's.
//
// Client (client_start.h, client.h)
//   state                   event               next
//   AwaitOwnBinder          binder              AwaitOwnBinder (next PSK), or
//                                               AwaitServerHello
//   AwaitServerHello        HelloRetryRequest   AwaitServerHello (once), or
//                                               AwaitOwnBinder with PSKs
//                           ServerHello         AwaitEncryptedExtensions, or
//                                               AwaitClientPskSecret with a PSK
//   AwaitClientPskSecret    Handshake Secret    AwaitEncryptedExtensions
//   AwaitEncryptedExtensions EncryptedExtensions AwaitServerCertificate, or
//                                               AwaitServerFinished with a PSK
//   AwaitServerCertificate  CertificateRequest  AwaitServerCertificate (once)
//                           Certificate         AwaitServerProof
//   AwaitServerProof        CertificateVerify   AwaitServerVerdict
//   AwaitServerVerdict      PeerVerified        AwaitServerFinished
//   AwaitServerFinished     Finished            AwaitClientSignature, or
//                                               Completed without a certificate
//   AwaitClientSignature    signature           Completed
//   Completed by a PSK      there is more       AwaitTicket
//   AwaitTicket             NewSessionTicket    Completed, or AwaitTicket in
//                                               the middle of a record
//
// Server (server_start.h, server.h)
//   AwaitClientHello        ClientHello         AwaitServerConfig
//   AwaitServerConfig       ServerConfig        AwaitPskChoice, or what a
//                                               choice leads to
//   AwaitPskChoice          choice              AwaitServerSignature,
//                                               AwaitPeerBinder with a PSK, or
//                                               AwaitSecondHello
//   AwaitSecondHello        ClientHello         AwaitServerSignature, or
//                                               AwaitPeerBinder with a PSK
//   AwaitPeerBinder         PskVerified         AwaitServerPskSecret
//   AwaitServerPskSecret    Handshake Secret    AwaitClientFinished
//   AwaitServerSignature    signature           AwaitClientCertificate, or
//                                               AwaitClientFinished
//   AwaitClientCertificate  Certificate         AwaitClientProof, or
//                                               AwaitClientFinished when empty
//   AwaitClientProof        CertificateVerify   AwaitClientVerdict
//   AwaitClientVerdict      PeerVerified        AwaitClientFinished
//   AwaitClientFinished     Finished            Completed
//
// Any other message in any state is kUnexpectedMessage; any failure consumes
// the state, and the Engine sends the alert that the error table names.
//
// Layer:     handshake.
// Threads:   move-only values.
// Design:    docs/design/own-core.md
#pragma once

#include <utility>

#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/codec/handshake_assembler.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// The last state of both sides.
struct [[nodiscard]] Completed {
  Session session;
  Finished finished;
  Drained drained;
};

// What a signing state waits for.
struct SignatureRequest {
  SignatureScheme scheme{};
  Role signer{};
  HashValue transcript_hash;
  std::size_t certificate = 0;  // which of the configuration's, from 0
};

// kUnexpectedMessage unless `message` is of `type`.
inline Status Expect(HandshakeType type, const HandshakeMessage& message) {
  if (message.type != type) {
    return Error{Code::kUnexpectedMessage,
                 "a handshake message that is not due in this state"};
  }
  return Ok{};
}

}  // namespace ktlsd::handshake
