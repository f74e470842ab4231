// The one error table: every way in which a handshake, its offload or the
// daemon can fail, whose fault it is, which alert tells the peer, what the
// kernel is told, and the word that stands in logs and metrics.
//
// Scope:     a closed enum and a constexpr table over it.
// Layer:     base.
// Threads:   immutable.
// Design:    docs/design/error-table.md
#pragma once

#include <cstdint>
#include <string_view>

#include "base/alert.h"

namespace ktlsd {

enum class Code : uint16_t {
  // The peer broke the protocol.
  kUnexpectedMessage,
  kBadRecordMac,
  kRecordOverflow,
  kDecodeError,
  kIllegalParameter,
  kProtocolVersion,
  kMissingExtension,
  kUnsupportedExtension,
  kMessageTooLarge,
  kRecordFlood,
  kNotTls,
  kBadFinished,
  kBadCertificateVerify,
  // Both sides are sound, but have nothing in common.
  kNoCommonCipherSuite,
  kNoCommonGroup,
  kNoCommonSignatureScheme,
  kNoApplicationProtocol,
  kNoCommonPsk,
  // The peer's PSK was refused.
  kUnknownPskIdentity,
  kBadPskBinder,
  // The peer's certificate was refused.
  kCertificateRequired,
  kCertificateMalformed,
  kCertificateChainTooLong,
  kCertificateUnknownIssuer,
  kCertificateBadSignature,
  kCertificateExpired,
  kCertificateNotYetValid,
  kCertificateRevoked,
  kCertificateNameMismatch,
  kCertificateWrongPurpose,
  kCertificateKeyUsage,
  kCertificateWeakKey,
  kCertificateInvalid,
  kCrlUnavailable,
  kOcspResponseInvalid,
  kOcspResponseMissing,
  kClientNotAllowed,
  // The peer ended the handshake, or let it hang.
  kAlertReceived,
  kPeerClosed,
  kPeerReset,
  kDeadlineFirstByte,
  kDeadlineProgress,
  kDeadlineTotal,
  // This host's configuration.
  kConfigUnusable,
  kTrustStoreUnusable,
  kCrlUnusable,
  kCertificateUnusable,
  kPrivateKeyUnusable,
  kNoCertificateConfigured,
  kNoPeerName,
  kKeyUnavailable,
  kKeyRejected,
  // The kernel.
  kNetlinkFailed,
  kRequestMalformed,
  kUnsupportedTransport,
  kUnsupportedAuthMode,
  kKernelLacksTls,
  kCipherNotOffloadable,
  kOffloadFailed,
  kOffloadNotConfirmed,
  kSocketFailed,
  // This host ran out of something, or a process of ours went away.
  kNoMemory,
  kNoDescriptors,
  kTooBusy,
  kWorkerDied,
  kKeeperUnavailable,
  kVerifierUnavailable,
  kShuttingDown,
  kSystemFailed,
  // Ours.
  kCryptoFailed,
  kWorkerMisbehaved,
  kApiMisuse,
  kInternal,
};

inline constexpr uint16_t kCodeCount =
    static_cast<uint16_t>(Code::kInternal) + 1;

enum class Fault : uint8_t { kPeer, kConfig, kKernel, kResource, kBug };

// What the kernel's consumer should do with the connection. The errno follows
// from this and the consumer: see agent/upcall/status.h.
enum class Disposition : uint8_t {
  kRefuse,       // do not come back without a change on one of the two sides
  kPeerGone,     // the connection was lost; a new one may work
  kTransient,    // a passing local fault; the next attempt may work
  kKeyMissing,   // the local key does not exist
  kKeyRejected,  // the local key exists and must not be used
  kUnsupported,  // this kind of socket or request will never work
};

enum class LogLevel : uint8_t { kError, kWarning, kNotice, kInfo, kDebug };

struct CodeInfo {
  Code code;
  std::string_view label;  // in the log and in docs/runbook.md
  Fault fault;
  Alert alert;  // told to the peer while alerts can still be sent
  Disposition disposition;
  LogLevel level;
};

// Returns the table row of `code`. A number outside the enum (it may have
// crossed a process boundary) gets the row of kInternal.
const CodeInfo& Describe(Code code);

// Returns `value` as a Code, or kInternal when it is none.
Code CodeFromWire(uint16_t value);

std::string_view FaultName(Fault fault);

}  // namespace ktlsd
