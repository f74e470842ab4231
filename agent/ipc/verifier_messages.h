// Between the verifier and the monitor, and the verifier and a worker.
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

// What of a verified peer's chain the monitor is given, as a PeerChain.
enum class ChainWanted : uint8_t { kNothing = 0, kEndEntity = 1, kAll = 2 };

constexpr bool Valid(ChainWanted wanted) { return wanted <= ChainWanted::kAll; }

// `worker` may have one verdict for `job`, whose peer is of side `peer`; the
// jobs that `ended` names may have nothing more, as after EndJob.
struct VerdictTerms {
  static constexpr MessageType kType = MessageType::kVerdictTerms;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  TrustId trust = 0;
  WorkerId worker = 0;
  Side peer{};
  ChainWanted wanted{};  // of a peer that is verified
  std::array<uint8_t, 2> reserved{};
  EndedJobIds ended{};
  Text<kNameSize> server_name;  // as the kernel gave it; empty for a client
  bool Check() const;
};

// With one descriptor: a PEM file of anchors; a second one: of CRLs. Payload:
// `allowed` entries as in identities.h, each a byte of AllowedBy and
// a value. With any, a peer's certificate must be one of them.
struct LoadTrust {
  static constexpr MessageType kType = MessageType::kLoadTrust;
  static constexpr Carries kCarries{kMaxAllowedBytes, 1, 2};
  Header header;
  TrustId id = 0;
  uint16_t allowed = 0;
  uint8_t rpc_certificates = 0;  // 1: only those for RPC with TLS
  std::array<uint8_t, 5> reserved{};
  bool Check() const;
};

// One of `files` files with rules for session tags: payload is its text. Number
// 0 begins a new set, which counts when the last one is there. No files: no
// tags.
struct LoadTags {
  static constexpr MessageType kType = MessageType::kLoadTags;
  static constexpr Carries kCarries{kMaxChainBytes, 0, 0};
  Header header;
  uint32_t file = 0;
  uint32_t files = 0;
  bool Check() const;
};

// What came of a set of files; of a failure, which one it is of.
struct TagsLoaded {
  static constexpr MessageType kType = MessageType::kTagsLoaded;
  static constexpr Carries kCarries{};
  Header header;
  uint32_t file = 0;
  uint32_t tags = 0;
  Outcome outcome;
  std::array<uint8_t, 6> reserved{};
  Text<kDetailSize> text;
  bool Check() const;
};

struct TrustLoaded {
  static constexpr MessageType kType = MessageType::kTrustLoaded;
  static constexpr Carries kCarries{};
  Header header;
  TrustId id = 0;
  uint32_t anchors = 0;
  Outcome outcome;
  std::array<uint8_t, 2> reserved{};
  Text<kDetailSize> text;
  bool Check() const;
};

// What the verifier found for `job`.
struct Verdict {
  static constexpr MessageType kType = MessageType::kVerdict;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  WireHash transcript_hash;
  Outcome outcome;
  uint8_t remembered = 0;  // the path is that of an earlier job
  std::array<uint8_t, 3> reserved{};
  Text<kSubjectSize> subject;
  Text<kDetailSize> detail;
  Text<kTagListSize> tags;  // of a verified peer, joined by commas
  bool Check() const;
};

// Before a Verdict of success. Payload: `certificates` certificates as in
// ChainReply, of a peer that is verified.
struct PeerChain {
  static constexpr MessageType kType = MessageType::kPeerChain;
  static constexpr Carries kCarries{kMaxChainBytes, 0, 0};
  Header header;
  JobId job = 0;
  uint16_t certificates = 0;
  std::array<uint8_t, 6> reserved{};
  bool Check() const;
};

// Asks whether the chain of a peer whose session is up would be accepted now by
// `trust`. Payload: `certificates` certificates as in ChainReply.
struct Recheck {
  static constexpr MessageType kType = MessageType::kRecheck;
  static constexpr Carries kCarries{kMaxChainBytes, 0, 0};
  Header header;
  SessionId session = 0;
  TrustId trust = 0;
  uint16_t certificates = 0;
  Side peer{};
  std::array<uint8_t, 5> reserved{};
  Text<kNameSize> server_name;  // as in VerdictTerms
  bool Check() const;
};

// The answer, which is good until `valid_until`.
struct Rechecked {
  static constexpr MessageType kType = MessageType::kRechecked;
  static constexpr Carries kCarries{};
  Header header;
  SessionId session = 0;
  TrustId trust = 0;
  int64_t valid_until = 0;  // of success: seconds since 1970
  Outcome outcome;
  std::array<uint8_t, 6> reserved{};
  Text<kDetailSize> detail;
  bool Check() const;
};

// Payload: `certificates` certificates as in ChainReply, `chain_size` bytes in
// all, then the signature.
struct ProofRequest {
  static constexpr MessageType kType = MessageType::kProofRequest;
  static constexpr Carries kCarries{kMaxChainBytes + kMaxSignatureBytes, 0, 0};
  Header header;
  JobId job = 0;
  uint32_t chain_size = 0;
  uint16_t certificates = 0;
  uint16_t scheme = 0;
  WireHash transcript_hash;
  std::array<uint8_t, 6> reserved{};
  bool Check() const;
};

// The alert that fits a refusal is in the row of its code.
struct ProofReply {
  static constexpr MessageType kType = MessageType::kProofReply;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  Outcome outcome;
  std::array<uint8_t, 6> reserved{};
  bool Check() const;
};

}  // namespace ktlsd::agent
