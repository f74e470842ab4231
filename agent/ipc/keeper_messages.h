// Between the keeper and the monitor, and the keeper and a worker.
//
// Scope:     see agent/ipc/messages.h.
// Layer:     agent/ipc.
// Threads:   value types.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "agent/ipc/shared_messages.h"
#include "agent/ipc/wire_types.h"

namespace ktlsd::agent {

// `worker` may have one signature for `job`, by one of `credentials`; the jobs
// that `ended` names may have nothing more, as after EndJob.
struct SigningTerms {
  static constexpr MessageType kType = MessageType::kSigningTerms;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  JobCredentials credentials{};  // not none
  WorkerId worker = 0;
  Side signer{};
  std::array<uint8_t, 3> reserved{};
  EndedJobIds ended{};
  bool Check() const;
};

// The first message to a keeper with tokens. Payload: the URLs of the keys that
// it is to open, one a line.
struct OpenTokens {
  static constexpr MessageType kType = MessageType::kOpenTokens;
  static constexpr Carries kCarries{kMaxChainBytes, 0, 0};
  Header header;
  uint64_t count = 0;
  bool Check() const { return count != 0; }
};

// With two descriptors: PEM files of the chain and of the key. With one: of the
// chain, and the payload is the URL of a key that OpenTokens named. Without:
// the payload holds a DER certificate of `certificate_size` bytes, then a DER
// key. One that is `post_quantum` and whose key is not is refused.
struct LoadCredential {
  static constexpr MessageType kType = MessageType::kLoadCredential;
  static constexpr Carries kCarries{kMaxChainBytes, 0, 2};
  Header header;
  CredentialId id = 0;
  uint32_t certificate_size = 0;
  uint8_t post_quantum = 0;  // 1: it must be
  std::array<uint8_t, 3> reserved{};
  bool Check() const;
};

struct CredentialLoaded {
  static constexpr MessageType kType = MessageType::kCredentialLoaded;
  static constexpr Carries kCarries{};
  Header header;
  CredentialId id = 0;
  Outcome outcome;
  std::array<uint8_t, 6> reserved{};
  Text<kDetailSize> text;
  bool Check() const;
};

// The keeper signed for `job`.
struct Signed {
  static constexpr MessageType kType = MessageType::kSigned;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  bool Check() const { return job != 0; }
};

// Asks for the chain of a credential of `job`. It may be kept by its id.
struct ChainRequest {
  static constexpr MessageType kType = MessageType::kChainRequest;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  CredentialId credential = 0;
  bool Check() const { return job != 0 && credential != 0; }
};

// Payload: `certificates` times a length of 3 bytes, big endian, and a DER
// certificate, end entity first.
struct ChainReply {
  static constexpr MessageType kType = MessageType::kChainReply;
  static constexpr Carries kCarries{kMaxChainBytes, 0, 0};
  Header header;
  JobId job = 0;
  CredentialId credential = 0;
  Outcome outcome;
  uint16_t certificates = 0;
  std::array<uint16_t, kMaxSchemes> schemes{};  // best first; 0: no more
  std::array<uint8_t, 4> reserved{};
  bool Check() const;
};

// Asks for the CertificateVerify signature of `job`: the keeper makes the
// signed content itself from the signer of the terms and the hash.
struct SignRequest {
  static constexpr MessageType kType = MessageType::kSignRequest;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  CredentialId credential = 0;  // one of the job's
  uint16_t scheme = 0;
  WireHash transcript_hash;
  std::array<uint8_t, 4> reserved{};
  bool Check() const;
};

// Payload: the signature.
struct SignReply {
  static constexpr MessageType kType = MessageType::kSignReply;
  static constexpr Carries kCarries{kMaxSignatureBytes, 0, 0};
  Header header;
  JobId job = 0;
  Outcome outcome;
  uint16_t scheme = 0;
  std::array<uint8_t, 4> reserved{};
  bool Check() const;
};

}  // namespace ktlsd::agent
