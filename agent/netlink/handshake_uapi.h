// The numbers of the kernel's generic netlink family "handshake", as in
// <linux/handshake.h>, which the oldest supported distribution lacks.
//
// Scope:     constants of kernels 6.12 to 7.3.
// Layer:     agent/netlink.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ktlsd::agent {

inline constexpr char kHandshakeFamily[] = "handshake";
inline constexpr char kHandshakeGroup[] = "tlshd";
inline constexpr uint8_t kHandshakeVersion = 1;

inline constexpr uint32_t kHandlerClassTlshd = 1;

enum class HandshakeCommand : uint8_t { kReady = 1, kAccept = 2, kDone = 3 };

enum class HandshakeKind : uint32_t { kClientHello = 1, kServerHello = 2 };

enum class AuthMode : uint32_t { kUnauth = 1, kPsk = 2, kX509 = 3 };

// HANDSHAKE_A_ACCEPT_*
enum class AcceptAttribute : uint16_t {
  kSocket = 1,        // s32
  kHandlerClass = 2,  // u32
  kMessageType = 3,   // u32, HandshakeKind
  kTimeout = 4,       // u32, ms
  kAuthMode = 5,      // u32
  kPeerIdentity = 6,  // u32 key serial, up to 5 times
  kCertificate = 7,   // nest of CertificateAttribute
  kPeerName = 8,      // NUL-terminated text
  kKeyring = 9,       // u32 key serial; since 6.13
};

// HANDSHAKE_A_X509_*
enum class CertificateAttribute : uint16_t {
  kCertificate = 1,  // s32 key serial
  kPrivateKey = 2,   // s32 key serial
};

// HANDSHAKE_A_DONE_*
enum class DoneAttribute : uint16_t {
  kStatus = 1,      // u32, a positive errno or 0
  kSocket = 2,      // s32
  kRemoteAuth = 3,  // u32 key serial
  // Text, repeated. Of a series of patches (linux-nfs, June 2026,
  // "tls-session-tags") that no release had by 7.3: sent only to a kernel whose
  // policy has text under this number.
  kTag = 4,
};

inline constexpr std::size_t kMaxPeerIdentities = 5;

}  // namespace ktlsd::agent
