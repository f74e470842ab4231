// Between a worker and the monitor about the PSKs of a job, which stay with the
// monitor: the worker asks for what is computed from them.
//
// Scope:     see agent/ipc/messages.h. What is secret is payload, so that it is
//            in no copy of a message: wipe the link once it is read.
// Layer:     agent/ipc.
// Threads:   value types.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "agent/ipc/shared_messages.h"
#include "agent/ipc/wire_types.h"

namespace ktlsd::agent {

// Of a server, once per job: which of the PSKs that the client offers? Only one
// for a hash that is wanted. Payload: `identities` identities as in
// identities.h; an empty one is too long to be that of a key.
struct ChoiceRequest {
  static constexpr MessageType kType = MessageType::kChoiceRequest;
  static constexpr Carries kCarries{kMaxIdentitiesBytes, 0, 0};
  Header header;
  JobId job = 0;
  uint16_t identities = 0;
  uint8_t sha256 = 0;  // 1: the hash is wanted
  uint8_t sha384 = 0;
  std::array<uint8_t, 4> reserved{};
  bool Check() const;
};

struct ChoiceReply {
  static constexpr MessageType kType = MessageType::kChoiceReply;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  Outcome outcome;
  uint16_t index = 0;  // of the identity chosen
  WirePskHash hash{};  // of its PSK
  uint8_t chosen = 0;  // 0: none of them
  std::array<uint8_t, 2> reserved{};
  bool Check() const;
};

// Of a client: asks for a binder. `index` is the place of the PSK in its job.
struct BinderRequest {
  static constexpr MessageType kType = MessageType::kBinderRequest;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  uint8_t index = 0;
  WirePskHash hash{};
  WireHash transcript_hash;
  std::array<uint8_t, 4> reserved{};
  bool Check() const;
};

// Payload: the binder.
struct BinderReply {
  static constexpr MessageType kType = MessageType::kBinderReply;
  static constexpr Carries kCarries{kMaxHashBytes, 0, 0};
  Header header;
  JobId job = 0;
  Outcome outcome;
  std::array<uint8_t, 6> reserved{};
  bool Check() const;
};

// Of a server, once per job: is `binder`, which the client sent, that of the
// chosen PSK? No binder of a server's PSK is told.
struct PskProofRequest {
  static constexpr MessageType kType = MessageType::kPskProofRequest;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  WirePskHash hash{};
  uint8_t reserved = 0;
  WireHash transcript_hash;
  WireHash binder;
  std::array<uint8_t, 2> more_reserved{};
  bool Check() const;
};

// Success: it is; kBadPskBinder: it is not.
struct PskProofReply {
  static constexpr MessageType kType = MessageType::kPskProofReply;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  Outcome outcome;
  std::array<uint8_t, 6> reserved{};
  bool Check() const;
};

// Asks for the Handshake Secret of the PSK at `index`: as above, 0 of a
// server's chosen one. Once per job, after a binder.
// Payload: the secret of the key agreement.
struct SecretRequest {
  static constexpr MessageType kType = MessageType::kSecretRequest;
  static constexpr Carries kCarries{kMaxSharedSecretBytes, 0, 0};
  Header header;
  JobId job = 0;
  uint8_t index = 0;
  WirePskHash hash{};
  std::array<uint8_t, 6> reserved{};
  bool Check() const;
};

// Payload: the Handshake Secret.
struct SecretReply {
  static constexpr MessageType kType = MessageType::kSecretReply;
  static constexpr Carries kCarries{kMaxHashBytes, 0, 0};
  Header header;
  JobId job = 0;
  Outcome outcome;
  std::array<uint8_t, 6> reserved{};
  bool Check() const;
};

}  // namespace ktlsd::agent
