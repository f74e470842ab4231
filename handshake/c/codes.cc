#include "handshake/c/codes.h"

#include <array>
#include <cstddef>

namespace ktlsd::handshake {
namespace {

struct Row {
  Code code;
  ktlsd_code number;
};

// What only the daemon's processes meet.
constexpr ktlsd_code kDaemonOnly = KTLSD_INTERNAL;

constexpr std::array<Row, kCodeCount> kTable = {{
    {Code::kUnexpectedMessage, KTLSD_UNEXPECTED_MESSAGE},
    {Code::kBadRecordMac, KTLSD_BAD_RECORD_MAC},
    {Code::kRecordOverflow, KTLSD_RECORD_OVERFLOW},
    {Code::kDecodeError, KTLSD_DECODE_ERROR},
    {Code::kIllegalParameter, KTLSD_ILLEGAL_PARAMETER},
    {Code::kProtocolVersion, KTLSD_PROTOCOL_VERSION},
    {Code::kMissingExtension, KTLSD_MISSING_EXTENSION},
    {Code::kUnsupportedExtension, KTLSD_UNSUPPORTED_EXTENSION},
    {Code::kMessageTooLarge, KTLSD_MESSAGE_TOO_LARGE},
    {Code::kRecordFlood, KTLSD_RECORD_FLOOD},
    {Code::kNotTls, KTLSD_NOT_TLS},
    {Code::kBadFinished, KTLSD_BAD_FINISHED},
    {Code::kBadCertificateVerify, KTLSD_BAD_CERTIFICATE_VERIFY},
    {Code::kNoCommonCipherSuite, KTLSD_NO_COMMON_CIPHER_SUITE},
    {Code::kNoCommonGroup, KTLSD_NO_COMMON_GROUP},
    {Code::kNoCommonSignatureScheme, KTLSD_NO_COMMON_SIGNATURE_SCHEME},
    {Code::kNoApplicationProtocol, KTLSD_NO_APPLICATION_PROTOCOL},
    {Code::kNoCommonPsk, KTLSD_NO_COMMON_PSK},
    {Code::kUnknownPskIdentity, KTLSD_UNKNOWN_PSK_IDENTITY},
    {Code::kBadPskBinder, KTLSD_BAD_PSK_BINDER},
    {Code::kCertificateRequired, KTLSD_CERTIFICATE_REQUIRED},
    {Code::kCertificateMalformed, KTLSD_CERTIFICATE_MALFORMED},
    {Code::kCertificateChainTooLong, KTLSD_CERTIFICATE_CHAIN_TOO_LONG},
    {Code::kCertificateUnknownIssuer, KTLSD_CERTIFICATE_UNKNOWN_ISSUER},
    {Code::kCertificateBadSignature, KTLSD_CERTIFICATE_BAD_SIGNATURE},
    {Code::kCertificateExpired, KTLSD_CERTIFICATE_EXPIRED},
    {Code::kCertificateNotYetValid, KTLSD_CERTIFICATE_NOT_YET_VALID},
    {Code::kCertificateRevoked, KTLSD_CERTIFICATE_REVOKED},
    {Code::kCertificateNameMismatch, KTLSD_CERTIFICATE_NAME_MISMATCH},
    {Code::kCertificateWrongPurpose, KTLSD_CERTIFICATE_WRONG_PURPOSE},
    {Code::kCertificateKeyUsage, KTLSD_CERTIFICATE_KEY_USAGE},
    {Code::kCertificateWeakKey, KTLSD_CERTIFICATE_WEAK_KEY},
    {Code::kCertificateInvalid, KTLSD_CERTIFICATE_INVALID},
    {Code::kCrlUnavailable, KTLSD_CRL_UNAVAILABLE},
    {Code::kOcspResponseInvalid, KTLSD_OCSP_RESPONSE_INVALID},
    {Code::kOcspResponseMissing, KTLSD_OCSP_RESPONSE_MISSING},
    {Code::kClientNotAllowed, kDaemonOnly},
    {Code::kAlertReceived, KTLSD_ALERT_RECEIVED},
    {Code::kPeerClosed, KTLSD_PEER_CLOSED},
    {Code::kPeerReset, KTLSD_PEER_RESET},
    {Code::kDeadlineFirstByte, kDaemonOnly},
    {Code::kDeadlineProgress, kDaemonOnly},
    {Code::kDeadlineTotal, kDaemonOnly},
    {Code::kConfigUnusable, KTLSD_CONFIG_UNUSABLE},
    {Code::kTrustStoreUnusable, KTLSD_TRUST_STORE_UNUSABLE},
    {Code::kCrlUnusable, KTLSD_CRL_UNUSABLE},
    {Code::kCertificateUnusable, KTLSD_CERTIFICATE_UNUSABLE},
    {Code::kPrivateKeyUnusable, KTLSD_PRIVATE_KEY_UNUSABLE},
    {Code::kNoCertificateConfigured, KTLSD_NO_CERTIFICATE_CONFIGURED},
    {Code::kNoPeerName, KTLSD_NO_PEER_NAME},
    {Code::kKeyUnavailable, KTLSD_KEY_UNAVAILABLE},
    {Code::kKeyRejected, KTLSD_KEY_REJECTED},
    {Code::kNetlinkFailed, kDaemonOnly},
    {Code::kRequestMalformed, kDaemonOnly},
    {Code::kUnsupportedTransport, kDaemonOnly},
    {Code::kUnsupportedAuthMode, kDaemonOnly},
    {Code::kKernelLacksTls, KTLSD_KERNEL_LACKS_TLS},
    {Code::kCipherNotOffloadable, KTLSD_CIPHER_NOT_OFFLOADABLE},
    {Code::kOffloadFailed, KTLSD_OFFLOAD_FAILED},
    {Code::kOffloadNotConfirmed, KTLSD_OFFLOAD_NOT_CONFIRMED},
    {Code::kSocketFailed, KTLSD_SOCKET_FAILED},
    {Code::kNoMemory, KTLSD_NO_MEMORY},
    {Code::kNoDescriptors, KTLSD_NO_DESCRIPTORS},
    {Code::kTooBusy, kDaemonOnly},
    {Code::kWorkerDied, kDaemonOnly},
    {Code::kKeeperUnavailable, kDaemonOnly},
    {Code::kVerifierUnavailable, kDaemonOnly},
    {Code::kShuttingDown, kDaemonOnly},
    {Code::kSystemFailed, KTLSD_SYSTEM_FAILED},
    {Code::kCryptoFailed, KTLSD_CRYPTO_FAILED},
    {Code::kWorkerMisbehaved, kDaemonOnly},
    {Code::kApiMisuse, KTLSD_API_MISUSE},
    {Code::kInternal, KTLSD_INTERNAL},
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

ktlsd_code NumberOf(Code code) {
  return kTable[static_cast<std::size_t>(
                    CodeFromWire(static_cast<uint16_t>(code)))]
      .number;
}

std::optional<Code> CodeOfNumber(int number) {
  if (number == KTLSD_INTERNAL) {
    return Code::kInternal;  // not one of the daemon's
  }
  for (const Row& row : kTable) {
    if (row.number == number) {
      return row.code;
    }
  }
  return std::nullopt;
}

}  // namespace ktlsd::handshake
