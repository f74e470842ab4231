// Protection of records (RFC 8446 section 5.2) for the few records of a
// handshake; application data is the kernel's.
//
// Scope:     one direction under one traffic secret: key, iv, sequence number.
// Layer:     handshake.
// Threads:   move-only, thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/crypto/aead.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// The plaintext of an opened record.
struct OpenedRecord {
  ContentType type;  // as found inside; may be a number outside the enum
  Bytes content;
};

class RecordSealer {
 public:
  // With the keys of what `traffic` expands, a traffic secret.
  static Result<RecordSealer> Create(CipherSuite suite, HkdfExpander& traffic);
  static Result<RecordSealer> Create(CipherSuite suite,
                                     const HashSecret& traffic_secret);
  // The same, for keys that will seal an alert or nothing: they are made from
  // `traffic_secret`, a copy of which is kept, with the first record.
  static RecordSealer CreateLater(CipherSuite suite,
                                  const HashSecret& traffic_secret);

  // Appends to `out` the record that protects `content` (at most 2^14 bytes).
  Status Seal(ContentType type, ByteView content, Bytes& out);
  uint64_t next_record() const { return sequence_; }

 private:
  RecordSealer(CipherSuite suite, std::optional<Aead> aead, HashSecret secret)
      : suite_(suite),
        traffic_secret_(std::move(secret)),
        aead_(std::move(aead)) {}
  Result<Aead*> Key();

  CipherSuite suite_;
  HashSecret traffic_secret_;  // empty once there is a key
  std::optional<Aead> aead_;
  uint64_t sequence_ = 0;
};

class RecordOpener {
 public:
  // As RecordSealer's.
  static Result<RecordOpener> Create(CipherSuite suite, HkdfExpander& traffic);
  static Result<RecordOpener> Create(CipherSuite suite,
                                     const HashSecret& traffic_secret);

  // Opens one record. Errors: kBadRecordMac; kRecordOverflow for more than
  // 2^14 bytes of content (2^14 + 1 of TLSInnerPlaintext without the type are
  // too many, padding included); kUnexpectedMessage when all is padding.
  Result<OpenedRecord> Open(ByteView header, ByteView body);
  uint64_t next_record() const { return sequence_; }

 private:
  explicit RecordOpener(Aead aead) : aead_(std::move(aead)) {}

  Aead aead_;
  uint64_t sequence_ = 0;
};

}  // namespace ktlsd::handshake
