// The key schedule of TLS 1.3 (RFC 8446 section 7.1), a type for each stage: a
// secret of the wrong stage cannot be used.
//
//            0
//            |
//   PSK -> HKDF-Extract = Early Secret          EarlySchedule
//            |
//         Derive-Secret(., "derived", "")
//            |
//   DHE -> HKDF-Extract = Handshake Secret      HandshakeSchedule
//            +--> c hs traffic, s hs traffic --> finished keys
//         Derive-Secret(., "derived", "")
//            |
//     0 -> HKDF-Extract = Master Secret         ApplicationSchedule
//            +--> c ap traffic, s ap traffic, exp master
//
// Scope:     secrets only; keys and record protection are made from them by
//            RecordProtection (handshake) and CryptoInfo (ktls).
// Layer:     handshake.
// Threads:   move-only values.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/key_share.h"

namespace ktlsd::handshake {

struct TrafficSecrets {
  HashSecret client;
  HashSecret server;
};

class HandshakeSchedule;
struct HandshakeSecrets;

// With a PSK: what is before it without one is no secret.
class EarlySchedule {
 public:
  // For those who hold the PSK (handshake/psk.h), never for the states.
  static Result<EarlySchedule> WithPsk(HashAlgorithm algorithm, ByteView psk);

  // finished_key of the binder of an external PSK ("ext binder").
  Result<HashSecret> ExternalBinderFinishedKey() const;

  // Mixes in the key agreement.
  Result<HandshakeSchedule> Advance(const SharedSecret& ecdhe) &&;

 private:
  EarlySchedule(HashAlgorithm algorithm, HashSecret secret)
      : algorithm_(algorithm), secret_(std::move(secret)) {}

  HashAlgorithm algorithm_;
  HashSecret secret_;
};

class HandshakeSchedule {
 public:
  // From the key agreement alone.
  static Result<HandshakeSchedule> WithoutPsk(HashAlgorithm algorithm,
                                              const SharedSecret& ecdhe);
  // From a Handshake Secret that was made elsewhere, where the PSK is.
  // Errors: kApiMisuse for one that is not of `algorithm`'s size.
  static Result<HandshakeSchedule> FromSecret(HashAlgorithm algorithm,
                                              HashSecret handshake_secret);
  // The Handshake Secret, for FromSecret() elsewhere.
  HashSecret Release() && { return std::move(secret_); }

  // All that is made from the Handshake Secret, which is gone then;
  // `hello_hash` covers ClientHello to ServerHello.
  Result<HandshakeSecrets> Derive(const HashValue& hello_hash) &&;

 private:
  friend class EarlySchedule;
  // `derived` is the Early Secret's.
  static Result<HandshakeSchedule> Extract(HashAlgorithm algorithm,
                                           const HashSecret& derived,
                                           const SharedSecret& ecdhe);
  HandshakeSchedule(HashAlgorithm algorithm, HashSecret secret)
      : algorithm_(algorithm), secret_(std::move(secret)) {}

  HashAlgorithm algorithm_;
  HashSecret secret_;
};

struct ApplicationSecrets {
  TrafficSecrets traffic;  // c ap traffic and s ap traffic
  HashSecret exporter_master;
};

class ApplicationSchedule {
 public:
  // `finished_hash` covers ClientHello to the server's Finished.
  Result<ApplicationSecrets> Derive(const HashValue& finished_hash) &&;

 private:
  friend class HandshakeSchedule;
  ApplicationSchedule(HashAlgorithm algorithm, HashSecret secret)
      : algorithm_(algorithm), secret_(std::move(secret)) {}

  HashAlgorithm algorithm_;
  HashSecret secret_;
};

struct HandshakeSecrets {
  TrafficSecrets traffic;  // c hs traffic and s hs traffic
  ApplicationSchedule next;
};

// What is left of them when the handshake keys of the records are made.
struct HandshakeKeys {
  ApplicationSchedule schedule;
  HashSecret client_finished;  // finished_key of section 4.4.4
  HashSecret server_finished;
};

// TLS-Exporter(label, context, out.size()) of RFC 8446 section 7.5 into `out`.
// In TLS 1.3 no context is the same as an empty one.
// Errors: kApiMisuse an empty `exporter_master`, a label of more than 249
//         bytes, an `out` that is empty or longer than 255 hashes;
//         kCryptoFailed.
Status ExportKeyingMaterial(HashAlgorithm algorithm,
                            const HashSecret& exporter_master,
                            std::string_view label, ByteView context,
                            std::span<uint8_t> out);

// finished_key (section 4.4.4) of what `base` expands: the sender's handshake
// traffic secret, or a binder key.
Result<HashSecret> FinishedKey(HkdfExpander& base);

// verify_data of a Finished.
Result<HashSecret> FinishedMac(HashAlgorithm algorithm,
                               const HashSecret& finished_key,
                               const HashValue& transcript_hash);

}  // namespace ktlsd::handshake
