// Protection of records (RFC 8446 section 5.2) for the few records of a
// handshake; application data is the kernel's.
//
// Scope:     one direction under one traffic secret: key, iv, sequence number.
// Layer:     handshake.
// Threads:   move-only, thread-compatible.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// The plaintext of an opened record.
struct OpenedRecord {
  ContentType type;  // as found inside; may be a number outside the enum
  Bytes content;
};

class RecordSealer {
 public:
  static Result<RecordSealer> Create(CipherSuite suite,
                                     const HashSecret& traffic_secret);
  // The same, for keys that will seal an alert or nothing: they are made from
  // `traffic_secret`, a copy of which is kept, with the first record.
  static RecordSealer CreateLater(CipherSuite suite,
                                  const HashSecret& traffic_secret);
  RecordSealer(RecordSealer&&) noexcept;
  RecordSealer& operator=(RecordSealer&&) noexcept;
  ~RecordSealer();

  // Appends to `out` the record that protects `content` (at most 2^14 bytes).
  Status Seal(ContentType type, ByteView content, Bytes& out);
  uint64_t next_record() const { return sequence_; }

 private:
  struct State;
  explicit RecordSealer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  uint64_t sequence_ = 0;
};

class RecordOpener {
 public:
  static Result<RecordOpener> Create(CipherSuite suite,
                                     const HashSecret& traffic_secret);
  RecordOpener(RecordOpener&&) noexcept;
  RecordOpener& operator=(RecordOpener&&) noexcept;
  ~RecordOpener();

  // Opens one record. Errors: kBadRecordMac; kRecordOverflow for more than
  // 2^14 bytes of content (2^14 + 1 of TLSInnerPlaintext without the type are
  // too many, padding included); kUnexpectedMessage when all is padding.
  Result<OpenedRecord> Open(ByteView header, ByteView body);
  uint64_t next_record() const { return sequence_; }

 private:
  struct State;
  explicit RecordOpener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  uint64_t sequence_ = 0;
};

}  // namespace ktlsd::handshake
