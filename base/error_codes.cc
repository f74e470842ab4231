#include "base/error_codes.h"

#include <array>
#include <cstddef>

namespace ktlsd {
namespace {

constexpr std::array<CodeInfo, kCodeCount> kTable = {{
    {Code::kUnexpectedMessage, "unexpected_message", Fault::kPeer,
     Alert::kUnexpectedMessage, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kBadRecordMac, "bad_record_mac", Fault::kPeer, Alert::kBadRecordMac,
     Disposition::kRefuse, LogLevel::kWarning},
    {Code::kRecordOverflow, "record_overflow", Fault::kPeer,
     Alert::kRecordOverflow, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kDecodeError, "decode_error", Fault::kPeer, Alert::kDecodeError,
     Disposition::kRefuse, LogLevel::kWarning},
    {Code::kIllegalParameter, "illegal_parameter", Fault::kPeer,
     Alert::kIllegalParameter, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kProtocolVersion, "protocol_version", Fault::kPeer,
     Alert::kProtocolVersion, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kMissingExtension, "missing_extension", Fault::kPeer,
     Alert::kMissingExtension, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kUnsupportedExtension, "unsupported_extension", Fault::kPeer,
     Alert::kUnsupportedExtension, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kMessageTooLarge, "message_too_large", Fault::kPeer,
     Alert::kDecodeError, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kRecordFlood, "record_flood", Fault::kPeer,
     Alert::kUnexpectedMessage, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kNotTls, "not_tls", Fault::kPeer, Alert::kUnexpectedMessage,
     Disposition::kRefuse, LogLevel::kWarning},
    {Code::kBadFinished, "bad_finished", Fault::kPeer, Alert::kDecryptError,
     Disposition::kRefuse, LogLevel::kWarning},
    {Code::kBadCertificateVerify, "bad_certificate_verify", Fault::kPeer,
     Alert::kDecryptError, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kNoCommonCipherSuite, "no_common_cipher_suite", Fault::kPeer,
     Alert::kHandshakeFailure, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kNoCommonGroup, "no_common_group", Fault::kPeer,
     Alert::kHandshakeFailure, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kNoCommonSignatureScheme, "no_common_signature_scheme", Fault::kPeer,
     Alert::kHandshakeFailure, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kNoApplicationProtocol, "no_application_protocol", Fault::kPeer,
     Alert::kNoApplicationProtocol, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kNoCommonPsk, "no_common_psk", Fault::kPeer,
     Alert::kHandshakeFailure, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kUnknownPskIdentity, "unknown_psk_identity", Fault::kPeer,
     Alert::kUnknownPskIdentity, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kBadPskBinder, "bad_psk_binder", Fault::kPeer, Alert::kDecryptError,
     Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCertificateRequired, "certificate_required", Fault::kPeer,
     Alert::kCertificateRequired, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCertificateMalformed, "certificate_malformed", Fault::kPeer,
     Alert::kBadCertificate, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCertificateChainTooLong, "certificate_chain_too_long", Fault::kPeer,
     Alert::kBadCertificate, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCertificateUnknownIssuer, "certificate_unknown_issuer",
     Fault::kPeer, Alert::kUnknownCa, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCertificateBadSignature, "certificate_bad_signature", Fault::kPeer,
     Alert::kBadCertificate, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCertificateExpired, "certificate_expired", Fault::kPeer,
     Alert::kCertificateExpired, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCertificateNotYetValid, "certificate_not_yet_valid", Fault::kPeer,
     Alert::kCertificateExpired, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCertificateRevoked, "certificate_revoked", Fault::kPeer,
     Alert::kCertificateRevoked, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCertificateNameMismatch, "certificate_name_mismatch", Fault::kPeer,
     Alert::kBadCertificate, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCertificateWrongPurpose, "certificate_wrong_purpose", Fault::kPeer,
     Alert::kUnsupportedCertificate, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCertificateKeyUsage, "certificate_key_usage", Fault::kPeer,
     Alert::kUnsupportedCertificate, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCertificateWeakKey, "certificate_weak_key", Fault::kPeer,
     Alert::kInsufficientSecurity, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCertificateInvalid, "certificate_invalid", Fault::kPeer,
     Alert::kCertificateUnknown, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kCrlUnavailable, "crl_unavailable", Fault::kConfig,
     Alert::kCertificateUnknown, Disposition::kRefuse, LogLevel::kError},
    {Code::kOcspResponseInvalid, "ocsp_response_invalid", Fault::kPeer,
     Alert::kBadCertificateStatusResponse, Disposition::kRefuse,
     LogLevel::kWarning},
    {Code::kOcspResponseMissing, "ocsp_response_missing", Fault::kPeer,
     Alert::kBadCertificateStatusResponse, Disposition::kRefuse,
     LogLevel::kWarning},
    {Code::kClientNotAllowed, "client_not_allowed", Fault::kPeer,
     Alert::kAccessDenied, Disposition::kRefuse, LogLevel::kWarning},
    {Code::kAlertReceived, "alert_received", Fault::kPeer, Alert::kCloseNotify,
     Disposition::kRefuse, LogLevel::kWarning},
    {Code::kPeerClosed, "peer_closed", Fault::kPeer, Alert::kCloseNotify,
     Disposition::kPeerGone, LogLevel::kWarning},
    {Code::kPeerReset, "peer_reset", Fault::kPeer, Alert::kCloseNotify,
     Disposition::kPeerGone, LogLevel::kWarning},
    {Code::kDeadlineFirstByte, "deadline_first_byte", Fault::kPeer,
     Alert::kCloseNotify, Disposition::kPeerGone, LogLevel::kWarning},
    {Code::kDeadlineProgress, "deadline_progress", Fault::kPeer,
     Alert::kCloseNotify, Disposition::kPeerGone, LogLevel::kWarning},
    {Code::kDeadlineTotal, "deadline_total", Fault::kPeer, Alert::kCloseNotify,
     Disposition::kPeerGone, LogLevel::kWarning},
    {Code::kConfigUnusable, "config_unusable", Fault::kConfig,
     Alert::kInternalError, Disposition::kRefuse, LogLevel::kError},
    {Code::kTrustStoreUnusable, "trust_store_unusable", Fault::kConfig,
     Alert::kInternalError, Disposition::kRefuse, LogLevel::kError},
    {Code::kCrlUnusable, "crl_unusable", Fault::kConfig, Alert::kInternalError,
     Disposition::kRefuse, LogLevel::kError},
    {Code::kCertificateUnusable, "certificate_unusable", Fault::kConfig,
     Alert::kInternalError, Disposition::kRefuse, LogLevel::kError},
    {Code::kPrivateKeyUnusable, "private_key_unusable", Fault::kConfig,
     Alert::kInternalError, Disposition::kRefuse, LogLevel::kError},
    {Code::kNoCertificateConfigured, "no_certificate_configured",
     Fault::kConfig, Alert::kInternalError, Disposition::kRefuse,
     LogLevel::kError},
    {Code::kNoPeerName, "no_peer_name", Fault::kKernel, Alert::kInternalError,
     Disposition::kRefuse, LogLevel::kError},
    {Code::kKeyUnavailable, "key_unavailable", Fault::kConfig,
     Alert::kInternalError, Disposition::kKeyMissing, LogLevel::kError},
    {Code::kKeyRejected, "key_rejected", Fault::kConfig, Alert::kInternalError,
     Disposition::kKeyRejected, LogLevel::kError},
    {Code::kNetlinkFailed, "netlink_failed", Fault::kKernel,
     Alert::kInternalError, Disposition::kTransient, LogLevel::kError},
    {Code::kRequestMalformed, "request_malformed", Fault::kKernel,
     Alert::kInternalError, Disposition::kTransient, LogLevel::kError},
    {Code::kUnsupportedTransport, "unsupported_transport", Fault::kKernel,
     Alert::kInternalError, Disposition::kUnsupported, LogLevel::kError},
    {Code::kUnsupportedAuthMode, "unsupported_auth_mode", Fault::kKernel,
     Alert::kInternalError, Disposition::kUnsupported, LogLevel::kError},
    {Code::kKernelLacksTls, "kernel_lacks_tls", Fault::kKernel,
     Alert::kInternalError, Disposition::kTransient, LogLevel::kError},
    {Code::kCipherNotOffloadable, "cipher_not_offloadable", Fault::kKernel,
     Alert::kInternalError, Disposition::kTransient, LogLevel::kError},
    {Code::kOffloadFailed, "offload_failed", Fault::kKernel,
     Alert::kInternalError, Disposition::kTransient, LogLevel::kError},
    {Code::kOffloadNotConfirmed, "offload_not_confirmed", Fault::kKernel,
     Alert::kInternalError, Disposition::kRefuse, LogLevel::kError},
    {Code::kSocketFailed, "socket_failed", Fault::kKernel,
     Alert::kInternalError, Disposition::kTransient, LogLevel::kError},
    {Code::kNoMemory, "no_memory", Fault::kResource, Alert::kInternalError,
     Disposition::kTransient, LogLevel::kError},
    {Code::kNoDescriptors, "no_descriptors", Fault::kResource,
     Alert::kInternalError, Disposition::kTransient, LogLevel::kError},
    {Code::kTooBusy, "too_busy", Fault::kResource, Alert::kInternalError,
     Disposition::kTransient, LogLevel::kWarning},
    {Code::kWorkerDied, "worker_died", Fault::kResource, Alert::kInternalError,
     Disposition::kTransient, LogLevel::kError},
    {Code::kKeeperUnavailable, "keeper_unavailable", Fault::kResource,
     Alert::kInternalError, Disposition::kTransient, LogLevel::kError},
    {Code::kVerifierUnavailable, "verifier_unavailable", Fault::kResource,
     Alert::kInternalError, Disposition::kTransient, LogLevel::kError},
    {Code::kShuttingDown, "shutting_down", Fault::kResource,
     Alert::kUserCanceled, Disposition::kTransient, LogLevel::kNotice},
    {Code::kSystemFailed, "system_failed", Fault::kResource,
     Alert::kInternalError, Disposition::kTransient, LogLevel::kError},
    {Code::kCryptoFailed, "crypto_failed", Fault::kBug, Alert::kInternalError,
     Disposition::kTransient, LogLevel::kError},
    {Code::kWorkerMisbehaved, "worker_misbehaved", Fault::kBug,
     Alert::kInternalError, Disposition::kTransient, LogLevel::kError},
    {Code::kApiMisuse, "api_misuse", Fault::kBug, Alert::kInternalError,
     Disposition::kTransient, LogLevel::kError},
    {Code::kInternal, "internal", Fault::kBug, Alert::kInternalError,
     Disposition::kTransient, LogLevel::kError},
}};

constexpr bool RowsFollowTheEnum() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].code) != i) {
      return false;
    }
  }
  return true;
}
static_assert(RowsFollowTheEnum(), "one row per code, in the enum's order");

}  // namespace

const CodeInfo& Describe(Code code) {
  return kTable[static_cast<std::size_t>(
      CodeFromWire(static_cast<uint16_t>(code)))];
}

Code CodeFromWire(uint16_t value) {
  return value < kCodeCount ? static_cast<Code>(value) : Code::kInternal;
}

std::string_view FaultName(Fault fault) {
  switch (fault) {
    case Fault::kPeer:
      return "peer";
    case Fault::kConfig:
      return "config";
    case Fault::kKernel:
      return "kernel";
    case Fault::kResource:
      return "resource";
    case Fault::kBug:
      return "bug";
  }
  return "bug";
}

}  // namespace ktlsd
