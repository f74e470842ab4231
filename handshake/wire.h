// The numbers of TLS 1.3 (RFC 8446 appendix B) by their names in the RFC.
//
// Scope:     enums and limits; a value read from a peer may be outside its
//            enum, and is then "not supported", never undefined.
// Layer:     handshake.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ktlsd::handshake {

enum class Role : uint8_t { kClient, kServer };

// RFC 8446 section 5.1.
enum class ContentType : uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
};

// RFC 8446 section 4.
enum class HandshakeType : uint8_t {
  kClientHello = 1,
  kServerHello = 2,
  kNewSessionTicket = 4,
  kEndOfEarlyData = 5,
  kEncryptedExtensions = 8,
  kCertificate = 11,
  kCertificateRequest = 13,
  kCertificateVerify = 15,
  kFinished = 20,
  kKeyUpdate = 24,
  kMessageHash = 254,
};

// RFC 8446 section 4.2.
enum class ExtensionType : uint16_t {
  kServerName = 0,
  kStatusRequest = 5,
  kSupportedGroups = 10,
  kSignatureAlgorithms = 13,
  kAlpn = 16,
  kPadding = 21,
  kRecordSizeLimit = 28,
  kPreSharedKey = 41,
  kEarlyData = 42,
  kSupportedVersions = 43,
  kCookie = 44,
  kPskKeyExchangeModes = 45,
  kCertificateAuthorities = 47,
  kOidFilters = 48,
  kPostHandshakeAuth = 49,
  kSignatureAlgorithmsCert = 50,
  kKeyShare = 51,
};

// RFC 8446 section 4.2.7; the hybrids of draft-ietf-tls-ecdhe-mlkem.
enum class NamedGroup : uint16_t {
  kSecp256r1 = 0x0017,
  kSecp384r1 = 0x0018,
  kSecp521r1 = 0x0019,
  kX25519 = 0x001d,
  kSecP256r1MlKem768 = 0x11eb,
  kX25519MlKem768 = 0x11ec,
  kSecP384r1MlKem1024 = 0x11ed,
};

// RFC 8446 section 4.2.3; the PKCS#1 schemes are for certificates only.
enum class SignatureScheme : uint16_t {
  kRsaPkcs1Sha256 = 0x0401,
  kRsaPkcs1Sha384 = 0x0501,
  kRsaPkcs1Sha512 = 0x0601,
  kEcdsaSecp256r1Sha256 = 0x0403,
  kEcdsaSecp384r1Sha384 = 0x0503,
  kEcdsaSecp521r1Sha512 = 0x0603,
  kRsaPssRsaeSha256 = 0x0804,
  kRsaPssRsaeSha384 = 0x0805,
  kRsaPssRsaeSha512 = 0x0806,
  kEd25519 = 0x0807,
  kEd448 = 0x0808,
  kRsaPssPssSha256 = 0x0809,
  kRsaPssPssSha384 = 0x080a,
  kRsaPssPssSha512 = 0x080b,
  kMlDsa44 = 0x0904,  // draft-ietf-tls-mldsa
  kMlDsa65 = 0x0905,
  kMlDsa87 = 0x0906,
};

// A signature that a quantum computer does not forge.
constexpr bool IsPostQuantum(SignatureScheme scheme) {
  return scheme == SignatureScheme::kMlDsa44 ||
         scheme == SignatureScheme::kMlDsa65 ||
         scheme == SignatureScheme::kMlDsa87;
}

// The RFC's name ("x25519", "ecdsa_secp256r1_sha256"), or "unknown".
std::string_view GroupName(NamedGroup group);
std::string_view SchemeName(SignatureScheme scheme);

// PskKeyExchangeMode psk_dhe_ke, RFC 8446 section 4.2.9: the only one we use.
inline constexpr uint8_t kPskDheKe = 1;

inline constexpr uint16_t kVersionTls12 = 0x0303;
inline constexpr uint16_t kVersionTls13 = 0x0304;

inline constexpr std::size_t kRecordHeaderSize = 5;     // bytes; section 5.1
inline constexpr std::size_t kMaxPlaintext = 1U << 14;  // bytes; section 5.1
// The record_size_limit that a peer may use to the full (RFC 8449 section 4):
// the content and the byte of its type.
inline constexpr uint16_t kFullRecordSizeLimit = kMaxPlaintext + 1;
inline constexpr std::size_t kMaxCiphertext = kMaxPlaintext + 256;  // 5.2
inline constexpr std::size_t kHandshakeHeaderSize = 4;  // bytes; section 4
inline constexpr std::size_t kRandomSize = 32;          // bytes; section 4.1.2
inline constexpr std::size_t kMaxSessionId = 32;        // bytes; section 4.1.2

// What a peer can make us hold, in bytes of one message.
inline constexpr std::size_t kMaxClientHello = 1U << 16;
inline constexpr std::size_t kMaxCertificateMessage = 1U << 16;  // and request
inline constexpr std::size_t kMaxOtherMessage = 1U << 14;
// Extensions in one block; IANA has named 60.
inline constexpr std::size_t kMaxExtensions = 128;
// Bytes of most flights, those with one certificate: what buffers begin with.
inline constexpr std::size_t kUsualFlight = 1536;
// Certificates in one chain.
inline constexpr std::size_t kMaxChainLength = 10;

using Random = std::array<uint8_t, kRandomSize>;

// The Random of a HelloRetryRequest: SHA-256("HelloRetryRequest"), RFC 8446
// section 4.1.3.
extern const Random kHelloRetryRequestRandom;

}  // namespace ktlsd::handshake
