// What a finished handshake hands to the kernel's TLS: the keys, and the
// proofs that they may be installed now.
//
// Scope:     the types that handshake/ makes and ktls/ takes; neither layer
//            includes the other.
// Layer:     base.
// Threads:   move-only values.
// Design:    docs/design/exact-reads.md
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/secret.h"

namespace ktlsd {

namespace handshake {
class AwaitClientFinished;  // handshake/server.h
class AwaitServerFinished;  // handshake/client.h
class Channel;              // handshake/channel.h
}  // namespace handshake

class ProofsForTest;  // base/testing/proofs_for_test.h, in tests only

// TLS 1.3 cipher suites (RFC 8446 appendix B.4), by their wire numbers.
enum class CipherSuite : uint16_t {
  kAes128GcmSha256 = 0x1301,
  kAes256GcmSha384 = 0x1302,
  kChaCha20Poly1305Sha256 = 0x1303,
  kAes128CcmSha256 = 0x1304,
};

// Returns the RFC's name, "TLS_AES_128_GCM_SHA256", or "unknown".
std::string_view CipherSuiteName(CipherSuite suite);

// A hash-sized secret: 32 bytes (SHA-256) or 48 (SHA-384).
using HashSecret = Secret<48>;

// One direction of a connection after the handshake.
struct DirectionKeys {
  HashSecret traffic_secret;  // client_ or server_application_traffic_secret_0
  uint64_t next_record = 0;   // records already protected under this secret
};

// Both directions, as seen from this end.
struct SessionKeys {
  CipherSuite suite;
  DirectionKeys send;
  DirectionKeys receive;
  // The most content of a record that the peer takes, in bytes, 63 to 16383;
  // none for the protocol's own limit (RFC 8449 section 4, less the byte of the
  // content type).
  std::optional<uint16_t> send_limit{};
};

// Proof that the peer's Finished was verified, and ours was made. Only the
// last state of a handshake makes one.
class [[nodiscard]] Finished {
 public:
  Finished(Finished&&) noexcept = default;
  Finished& operator=(Finished&&) noexcept = default;

 private:
  friend class handshake::AwaitServerFinished;
  friend class handshake::AwaitClientFinished;
  friend class ProofsForTest;
  Finished() = default;
};

// Proof that not one byte beyond the peer's last handshake record was read
// from the socket, so that the kernel misses nothing.
class [[nodiscard]] Drained {
 public:
  Drained(Drained&&) noexcept = default;
  Drained& operator=(Drained&&) noexcept = default;

 private:
  friend class handshake::Channel;
  friend class ProofsForTest;
  Drained() = default;
};

// Proof that every byte of ours has been taken by the socket. A byte that is
// written after the keys are installed would be wrapped as application data.
class [[nodiscard]] Flushed {
 public:
  Flushed(Flushed&&) noexcept = default;
  Flushed& operator=(Flushed&&) noexcept = default;

 private:
  friend class handshake::Channel;
  friend class ProofsForTest;
  Flushed() = default;
};

}  // namespace ktlsd
