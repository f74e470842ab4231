// Joins the fragments of handshake records into handshake messages.
//
// Scope:     RFC 8446 section 5.1: a message may span records, a record may
//            hold several messages.
// Layer:     handshake/codec.
// Threads:   thread-compatible.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// One handshake message; the views live until the assembler is used again.
struct HandshakeMessage {
  HandshakeType type;
  ByteView body;
  ByteView whole;  // header and body: what the transcript hashes
};

class HandshakeAssembler {
 public:
  // Adds the plaintext of one handshake record.
  // Errors: kUnexpectedMessage  an empty fragment (section 5.1)
  //         kMessageTooLarge    a message header that announces more than the
  //                             limit of its type (wire.h)
  Status Add(ByteView fragment);

  // The next whole message, if there is one.
  Result<std::optional<HandshakeMessage>> Next();

  // True when no byte of a further message is held: keys may change and a
  // handshake may end only then (section 5.1).
  bool empty() const;

 private:
  Bytes buffer_;
  std::size_t consumed_ = 0;
};

}  // namespace ktlsd::handshake
