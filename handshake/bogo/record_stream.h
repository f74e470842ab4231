// Application data over the keys of a finished handshake: what the kernel does
// in the daemon, for the shim alone.
//
// Scope:     tickets are dropped; a KeyUpdate is refused, as by a kernel that
//            cannot rekey.
// Layer:     handshake/bogo: tests only.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <utility>

#include "base/alert.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/bogo/socket.h"
#include "handshake/codec/handshake_assembler.h"
#include "handshake/codec/record_reader.h"
#include "handshake/record_protection.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

class RecordStream {
 public:
  // `socket` must outlive it.
  static Result<RecordStream> Start(Role ours, const SessionKeys& keys,
                                    Socket& socket);

  // At least one byte; 0 is the end, after close_notify or without.
  // Errors: kAlertReceived, kUnexpectedMessage and those of the record layer,
  //         of which the peer was told.
  Result<std::size_t> Read(std::span<uint8_t> buffer);
  Status Write(ByteView data);
  Status SendAlert(Alert alert, bool fatal);
  // Sends a NewSessionTicket (RFC 8446 section 4.6.1) for a PSK that does not
  // exist: whoever offers it shows what a server does with an unknown PSK, and
  // with the early data that comes along for `early_data_size` above 0.
  Status SendTicket(uint16_t early_data_size);

  bool saw_close_notify() const { return saw_close_notify_; }

 private:
  RecordStream(Role ours, RecordSealer sealer, RecordOpener opener,
               Socket& socket)
      : ours_(ours),
        sealer_(std::move(sealer)),
        opener_(std::move(opener)),
        socket_(&socket) {}

  // Takes one record; false at the end.
  Result<bool> TakeRecord();
  Result<bool> OnRecord(OpenedRecord record);
  Status OnHandshake(ByteView content);
  Result<bool> OnAlert(ByteView content);
  Status SealAndWrite(ContentType type, ByteView content);

  Role ours_;
  RecordSealer sealer_;
  RecordOpener opener_;
  Socket* socket_;
  RecordReader reader_;
  HandshakeAssembler assembler_;
  std::deque<uint8_t> data_;
  bool saw_close_notify_ = false;
};

}  // namespace ktlsd::handshake
