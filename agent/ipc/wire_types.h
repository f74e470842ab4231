// The building blocks of messages between the daemon's processes.
//
// Scope:     header, outcome, text and hash fields of a fixed layout. Whatever
//            comes from another process may hold any bits: each type says
//            whether it `valid()`.
// Layer:     agent/ipc.
// Threads:   value types.
// Design:    docs/design/process-model.md
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/error_codes.h"

namespace ktlsd::agent {

inline constexpr uint16_t kIpcVersion = 1;

// Never used twice while the daemon runs; 0 is none.
using JobId = uint64_t;
using CredentialId = uint64_t;
using TrustId = uint64_t;
using SessionId = uint64_t;  // of one that is up
using WorkerId = uint32_t;

// Certificates that one job may show, best first; 0: no more. The peer's offer
// decides.
inline constexpr std::size_t kMaxJobCredentials = 2;
using JobCredentials = std::array<CredentialId, kMaxJobCredentials>;

// No gap, and none twice.
constexpr bool Valid(const JobCredentials& credentials) {
  return credentials[1] == 0 ||
         (credentials[0] != 0 && credentials[0] != credentials[1]);
}
constexpr bool Contains(const JobCredentials& credentials, CredentialId id) {
  return id != 0 && (credentials[0] == id || credentials[1] == id);
}

// Told with the terms of another job; 0: none.
inline constexpr std::size_t kMaxEndedJobs = 8;
using EndedJobIds = std::array<JobId, kMaxEndedJobs>;

enum class MessageType : uint16_t {
  // monitor -> worker
  kJob = 0x0101,
  kTakeLink = 0x0102,
  // monitor -> several roles
  kEndJob = 0x0201,
  kForget = 0x0202,
  kAddWorker = 0x0203,
  kRemoveWorker = 0x0204,
  kTakeBell = 0x0205,
  kWake = 0x0206,
  // monitor -> keeper, verifier
  kSigningTerms = 0x0301,
  kLoadCredential = 0x0302,
  kVerdictTerms = 0x0303,
  kLoadTrust = 0x0304,
  kOpenTokens = 0x0305,
  kLoadTags = 0x0306,
  kRecheck = 0x0307,
  // worker -> monitor
  kJobReport = 0x0401,
  // keeper, verifier -> monitor
  kCredentialLoaded = 0x0501,
  kSigned = 0x0502,
  kTrustLoaded = 0x0503,
  kVerdict = 0x0504,
  kMisbehaved = 0x0505,
  kTagsLoaded = 0x0506,
  kPeerChain = 0x0507,
  kRechecked = 0x0508,
  // worker <-> keeper, verifier
  kChainRequest = 0x0601,
  kChainReply = 0x0602,
  kSignRequest = 0x0603,
  kSignReply = 0x0604,
  kProofRequest = 0x0605,
  kProofReply = 0x0606,
  // worker <-> monitor
  kChoiceRequest = 0x0701,
  kChoiceReply = 0x0702,
  kBinderRequest = 0x0703,
  kBinderReply = 0x0704,
  kSecretRequest = 0x0705,
  kSecretReply = 0x0706,
  kPskProofRequest = 0x0707,
  kPskProofReply = 0x0708,
  // any role -> monitor
  kNotConfined = 0x0801,
  // worker -> monitor
  kLoopChosen = 0x0802,
};

// Stands first in every message, host endian: both ends are one binary on one
// machine.
struct Header {
  uint16_t version = kIpcVersion;
  MessageType type{};
  uint32_t size = 0;  // bytes of the whole message, payload included
};

// This host's end of a connection, or the peer's.
enum class Side : uint8_t { kClient = 0, kServer = 1 };

constexpr bool Valid(Side side) {
  return side == Side::kClient || side == Side::kServer;
}
constexpr Side Opposite(Side side) {
  return side == Side::kClient ? Side::kServer : Side::kClient;
}
constexpr std::string_view SideName(Side side) {
  return side == Side::kClient ? "client" : "server";
}

// Success, or the code of a failure.
struct Outcome {
  uint16_t value = kUnset;

  static constexpr uint16_t kUnset = 0xffff;
  static constexpr Outcome Success() { return {0}; }
  static constexpr Outcome Failure(Code code) {
    return {static_cast<uint16_t>(static_cast<uint16_t>(code) + 1)};
  }
  constexpr bool valid() const { return value <= kCodeCount; }
  constexpr bool ok() const { return value == 0; }
  // Only of a failure; kInternal for what is none.
  Code code() const { return CodeFromWire(static_cast<uint16_t>(value - 1)); }
};

// Text of at most Size - 1 bytes, filled up with zeros. It may hold any byte
// but zero: escape it before it is shown.
template <std::size_t Size>
struct Text {
  std::array<char, Size> chars{};

  // Cuts what is too long, and what follows a zero byte.
  static constexpr Text Of(std::string_view text) {
    Text made;
    text = text.substr(0, std::min(text.find('\0'), Size - 1));
    std::copy(text.begin(), text.end(), made.chars.begin());
    return made;
  }
  constexpr std::string_view view() const {
    const std::string_view all(chars.data(), Size);
    return all.substr(0, all.find('\0'));
  }
  constexpr bool empty() const { return chars[0] == '\0'; }
  // Terminated, and nothing behind the end.
  constexpr bool valid() const {
    return std::all_of(chars.begin() + view().size(), chars.end(),
                       [](char c) { return c == '\0'; }) &&
           view().size() < Size;
  }
};

// A transcript hash of 32 or 48 bytes.
struct WireHash {
  uint16_t size = 0;
  std::array<uint8_t, 48> bytes{};

  // Keeps at most 48 bytes.
  static WireHash Of(ByteView hash) {
    WireHash made;
    hash = hash.first(std::min(hash.size(), made.bytes.size()));
    std::copy(hash.begin(), hash.end(), made.bytes.begin());
    made.size = static_cast<uint16_t>(hash.size());
    return made;
  }
  ByteView view() const {
    return ByteView(bytes).first(std::min<std::size_t>(size, bytes.size()));
  }
  bool valid() const { return size == 32 || size == 48; }
};

// The hash of a PSK.
enum class WirePskHash : uint8_t { kNone = 0, kSha256 = 1, kSha384 = 2 };

constexpr bool Valid(WirePskHash hash) {
  return hash == WirePskHash::kSha256 || hash == WirePskHash::kSha384;
}

// What of a certificate an entry of the list names.
enum class AllowedBy : uint8_t {
  kDns = 1,      // a dNSName: lower case, and no wildcard stands for anything
  kUri = 2,      // a uniformResourceIdentifier, byte for byte
  kEmail = 3,    // an rfc822Name, byte for byte
  kIp = 4,       // an iPAddress: its 4 or 16 bytes
  kSubject = 5,  // the subject as in RFC 2253, as logs have it
  kFingerprint = 6,  // SHA-256 of the certificate in DER: 32 bytes
};

constexpr bool Valid(AllowedBy by) {
  return by >= AllowedBy::kDns && by <= AllowedBy::kFingerprint;
}

// Of an entry, in bytes: what is longer matches nothing. A subject that is as
// long may have been cut.
inline constexpr std::size_t kMaxAllowedValue = 254;

// An alert description, or none: 0 is an alert (close_notify).
inline constexpr uint8_t kNoAlert = 0xff;

inline constexpr std::size_t kNameSize = 256;     // of a server, with its end
inline constexpr std::size_t kSubjectSize = 256;  // of a certificate
inline constexpr std::size_t kDetailSize = 128;
inline constexpr std::size_t kTagListSize = 1024;
inline constexpr std::size_t kMaxTagFiles = 64;
inline constexpr std::size_t kMaxSuites = 4;
inline constexpr std::size_t kMaxGroups = 8;
inline constexpr std::size_t kMaxSchemes = 8;
inline constexpr std::size_t kMaxCertificates = 10;  // in one chain
inline constexpr std::size_t kMaxChainBytes = 1U << 16;
inline constexpr std::size_t kMaxSignatureBytes = 1U << 13;
inline constexpr std::size_t kMaxAllowed = 1024;  // peers of one trust
inline constexpr std::size_t kMaxAllowedBytes = 40U << 10;
inline constexpr std::size_t kMaxJobPsks = 8;       // that a client offers
inline constexpr std::size_t kMaxOfferedPsks = 32;  // that a server looks at
// No key of the kernel has a longer description.
inline constexpr std::size_t kMaxIdentityBytes = 4095;
inline constexpr std::size_t kMaxIdentitiesBytes = 48U << 10;
inline constexpr std::size_t kMaxSharedSecretBytes = 96;
inline constexpr std::size_t kMaxHashBytes = 48;
inline constexpr std::size_t kMaxMessageBytes = 80U << 10;

}  // namespace ktlsd::agent
