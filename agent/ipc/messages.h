// Every message between the daemon's processes, and who may send it to whom.
//
//   monitor  <-> worker    jobs and reports
//   monitor  <-> keeper    terms of signing, credentials; notices
//   monitor  <-> verifier  terms of verdicts, trust; notices
//   worker   <-> keeper    chains and signatures
//   worker   <-> verifier  proofs of the peer
//
// Scope:     fixed layouts without padding, each behind a Header, some with a
//            bounded payload behind them. Written for the day that a worker is
//            hostile: Check() of a message refuses every value that no honest
//            sender writes. What it says about a job is still to be held
//            against the job.
// Layer:     agent/ipc.
// Threads:   value types.
// Design:    docs/design/process-model.md
//
// Order. The monitor sends terms before it hands the job to the worker; keeper
// and verifier send their notice to the monitor before they answer the worker.
// So the keeper and the verifier drain the monitor's link before they look at
// a worker's message, and the monitor drains theirs before it judges a report.
// A request for a job that is not known (any more) gets the reply
// kDeadlineTotal: the monitor may have ended it a moment ago.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "agent/ipc/wire_types.h"

namespace ktlsd::agent {

// What one kind of message may carry behind its fixed part.
struct Carries {
  std::size_t payload = 0;            // bytes, at most
  std::size_t least_descriptors = 0;  // received with SCM_RIGHTS
  std::size_t most_descriptors = 0;
};

// --- monitor -> worker ---

enum class LinkTo : uint8_t { kKeeper = 0, kVerifier = 1 };

// A handshake to make, with the socket. `flags` are of JobFlag.
struct Job {
  static constexpr MessageType kType = MessageType::kJob;
  static constexpr Carries kCarries{0, 1, 1};
  Header header;
  JobId job = 0;
  CredentialId credential = 0;  // 0: we have none to show
  uint32_t first_byte_ms = 0;   // deadlines, from the job's receipt
  uint32_t progress_ms = 0;     // between two bytes from the peer
  uint32_t total_ms = 0;
  Side side{};
  uint8_t flags = 0;
  uint8_t tcp_nodelay = 0;  // its value when the kernel handed the socket over
  uint8_t reserved = 0;
  Text<kNameSize> server_name;  // of a client; empty for a server
  bool Check() const;
};

enum JobFlag : uint8_t {
  kVerifyPeer = 0x01,                // the peer's chain goes to the verifier
  kRequestClientCertificate = 0x02,  // a server's; the client may have none
  kOfferSunrpc = 0x04,               // ALPN "sunrpc"
  kAllJobFlags = 0x07,
};

// The worker's link to the keeper or the verifier, replacing an earlier one.
struct TakeLink {
  static constexpr MessageType kType = MessageType::kTakeLink;
  static constexpr Carries kCarries{0, 1, 1};
  Header header;
  LinkTo to{};
  std::array<uint8_t, 7> reserved{};
  bool Check() const;
};

// --- monitor -> worker, keeper, verifier ---

// Drop everything about `job`. A worker sends no report for it.
struct EndJob {
  static constexpr MessageType kType = MessageType::kEndJob;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  bool Check() const { return job != 0; }
};

// Drop the credential (worker, keeper) or trust (verifier) of this id.
struct Forget {
  static constexpr MessageType kType = MessageType::kForget;
  static constexpr Carries kCarries{};
  Header header;
  uint64_t id = 0;
  bool Check() const { return id != 0; }
};

// --- monitor -> keeper, verifier ---

struct AddWorker {
  static constexpr MessageType kType = MessageType::kAddWorker;
  static constexpr Carries kCarries{0, 1, 1};
  Header header;
  WorkerId worker = 0;
  uint32_t reserved = 0;
  bool Check() const { return worker != 0; }
};

// Closes the link, drops the worker's jobs.
struct RemoveWorker {
  static constexpr MessageType kType = MessageType::kRemoveWorker;
  static constexpr Carries kCarries{};
  Header header;
  WorkerId worker = 0;
  uint32_t reserved = 0;
  bool Check() const { return worker != 0; }
};

// `worker` may have one signature for `job`.
struct SigningTerms {
  static constexpr MessageType kType = MessageType::kSigningTerms;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  CredentialId credential = 0;
  WorkerId worker = 0;
  Side signer{};
  std::array<uint8_t, 3> reserved{};
  bool Check() const;
};

// With two descriptors: PEM files of the chain and of the key. Without: the
// payload holds a DER certificate of `certificate_size` bytes, then a DER key.
struct LoadCredential {
  static constexpr MessageType kType = MessageType::kLoadCredential;
  static constexpr Carries kCarries{kMaxChainBytes, 0, 2};
  Header header;
  CredentialId id = 0;
  uint32_t certificate_size = 0;
  uint32_t reserved = 0;
  bool Check() const;
};

// `worker` may have one verdict for `job`, whose peer is of side `peer`.
struct VerdictTerms {
  static constexpr MessageType kType = MessageType::kVerdictTerms;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  TrustId trust = 0;
  WorkerId worker = 0;
  Side peer{};
  std::array<uint8_t, 3> reserved{};
  Text<kNameSize> server_name;  // as the kernel gave it; empty for a client
  bool Check() const;
};

// With one descriptor: a PEM file of anchors; a second one: of CRLs.
struct LoadTrust {
  static constexpr MessageType kType = MessageType::kLoadTrust;
  static constexpr Carries kCarries{0, 1, 2};
  Header header;
  TrustId id = 0;
  bool Check() const { return id != 0; }
};

// --- worker -> monitor ---

// The end of a job, once per job, after the worker closed its descriptor.
struct JobReport {
  static constexpr MessageType kType = MessageType::kJobReport;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  int32_t os_error = 0;  // an errno, or 0
  uint32_t tls_us = 0;   // from receipt of the job to the last Finished
  uint32_t ktls_us = 0;  // installing the keys
  uint16_t suite = 0;    // TLS numbers; 0: not reached
  uint16_t group = 0;
  uint16_t our_scheme = 0;
  uint16_t peer_scheme = 0;
  uint16_t payload_limit = 0;  // negotiated record_size_limit - 1, or 0
  Outcome outcome;
  uint8_t alert_received = kNoAlert;
  uint8_t alert_sent = kNoAlert;
  uint8_t hello_retry = 0;        // 1: a HelloRetryRequest was seen
  uint8_t certificate_asked = 0;  // 1: the server asked its client for one
  std::array<uint8_t, 4> reserved{};
  Text<kDetailSize> what;  // Error::what; to the log only
  bool Check() const;
};

// --- keeper, verifier -> monitor ---

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
  std::array<uint8_t, 4> reserved{};
  Text<kSubjectSize> subject;
  Text<kDetailSize> detail;
  bool Check() const;
};

// `worker` sent what no honest worker sends.
struct Misbehaved {
  static constexpr MessageType kType = MessageType::kMisbehaved;
  static constexpr Carries kCarries{};
  Header header;
  WorkerId worker = 0;
  uint32_t reserved = 0;
  Text<kDetailSize> what;
  bool Check() const;
};

// --- worker <-> keeper ---

// Asks for the chain of the credential of `job`. It may be kept by its id.
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

// --- worker <-> verifier ---

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
