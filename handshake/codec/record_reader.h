// Cuts the byte stream of a connection into TLS records, and never asks for a
// byte beyond the record under way.
//
// Scope:     record headers and bodies (RFC 8446 section 5.1); no decryption.
// Layer:     handshake/codec.
// Threads:   thread-compatible.
// Design:    docs/design/exact-reads.md
#pragma once

#include <cstddef>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// One whole record as it was on the wire. The views live until the reader is
// used again.
struct RawRecord {
  ContentType type;
  ByteView header;  // 5 bytes: the additional data of a protected record
  ByteView body;
};

class RecordReader {
 public:
  // How many bytes may be read from the socket now: what is missing of the
  // header, then of the body. Never 0.
  std::size_t bytes_wanted() const;

  // True when nothing of a next record was taken.
  bool at_boundary() const;

  // Takes bytes of the stream: 1 to bytes_wanted() of them. Returns the record
  // once it is complete, else nothing.
  // Errors: kNotTls         the first 5 bytes of the connection are no record
  //                         of TLS (unknown type, or major version not 3)
  //         kUnexpectedMessage  the same later
  //         kRecordOverflow a body longer than kMaxCiphertext (application
  //                         data type) or kMaxPlaintext (all others)
  //         kDecodeError    an empty body
  //         kApiMisuse      more bytes than were wanted, or none
  Result<std::optional<RawRecord>> Add(ByteView bytes);

 private:
  Status CheckHeader();

  Bytes buffer_;
  bool returned_ = false;  // buffer_ holds a record that was handed out
  bool first_ = true;      // no record was complete yet
};

}  // namespace ktlsd::handshake
