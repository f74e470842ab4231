// Between the monitor and a worker.
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
#include "agent/sandbox/loop_kind.h"

namespace ktlsd::agent {

enum class LinkTo : uint8_t { kKeeper = 0, kVerifier = 1 };

// A handshake to make, with the socket. `flags` are of JobFlag. Payload, of a
// client with PSKs: the identity of each of `psk_hashes`, as in identities.h.
struct Job {
  static constexpr MessageType kType = MessageType::kJob;
  static constexpr Carries kCarries{kMaxIdentitiesBytes, 1, 1};
  Header header;
  JobId job = 0;
  JobCredentials credentials{};  // none: we have none to show
  uint32_t first_byte_ms = 0;    // deadlines, from the job's receipt
  uint32_t progress_ms = 0;      // between two bytes from the peer
  uint32_t total_ms = 0;
  Side side{};
  uint8_t flags = 0;
  uint8_t tcp_nodelay = 0;  // its value when the kernel handed the socket over
  uint8_t reserved = 0;
  std::array<uint16_t, kMaxSuites> suites{};  // best first; 0: no more
  std::array<uint16_t, kMaxGroups> groups{};  // the same; none: all there are
  // Of the PSKs that a client offers, best first; kNone: no more.
  std::array<WirePskHash, kMaxJobPsks> psk_hashes{};
  // Of a client: empty only with PSKs. Of a server: empty.
  Text<kNameSize> server_name;
  bool Check() const;
  std::size_t psks() const;  // how many of `psk_hashes` there are
};

enum JobFlag : uint8_t {
  kVerifyPeer = 0x01,                // the peer's chain goes to the verifier
  kRequestClientCertificate = 0x02,  // a server's; the client may have none
  kOfferSunrpc = 0x04,               // ALPN "sunrpc"
  kCertificateJobFlags = 0x07,
  kUsePsk = 0x08,           // with a PSK only: no certificate on either side
  kRequireSunrpc = 0x10,    // with kOfferSunrpc: a peer without it is refused
  kRecordSizeLimit = 0x20,  // negotiate it: this kernel keeps to the peer's
  kAllJobFlags = 0x3f,
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

// What the worker's event loop waits with: its first message, once it is locked
// down. `os_error` says why an io_uring that was wished for is not there.
struct LoopChosen {
  static constexpr MessageType kType = MessageType::kLoopChosen;
  static constexpr Carries kCarries{};
  Header header;
  int32_t os_error = 0;  // an errno, or 0
  LoopKind kind{};
  std::array<uint8_t, 3> reserved{};
  bool Check() const;
};

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
  uint8_t hello_retry = 0;  // 1: a HelloRetryRequest was seen
  std::array<uint8_t, 5> reserved{};
  Text<kDetailSize> what;  // Error::what; to the log only
  bool Check() const;
};

}  // namespace ktlsd::agent
