// The two directions of one handshake's connection, between bytes of the
// socket and handshake messages.
//
// Scope:     the record layer's rules for a handshake: what record types may
//            come when, dropping of change_cipher_spec, alerts, skipping of
//            early data, protection; joins records to messages and packs
//            messages into records. Does no I/O.
// Layer:     handshake.
// Threads:   thread-compatible; one handshake owns one.
// Design:    docs/design/exact-reads.md
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/alert.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/codec/handshake_assembler.h"
#include "handshake/codec/messages.h"
#include "handshake/codec/record_reader.h"
#include "handshake/output_queue.h"
#include "handshake/record_protection.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

class Channel {
 public:
  // --- From the peer ---

  // How many bytes may be read from the socket now; see RecordReader.
  std::size_t bytes_wanted() const { return reader_.bytes_wanted(); }

  // Takes 1 to bytes_wanted() bytes of the stream.
  // Errors: those of the record layer; kAlertReceived with the alert's
  //         number; kPeerClosed for close_notify; kRecordFlood.
  Status Add(ByteView bytes);

  // The next whole handshake message, valid until the next call.
  Result<std::optional<HandshakeMessage>> NextMessage();

  // kUnexpectedMessage when the last message taken did not end its record: keys
  // may not change then (RFC 8446 section 5.1).
  Status CheckRecordEnd() const;

  // From now on records are opened with `opener`. Errors: as CheckRecordEnd.
  Status StartOpening(RecordOpener opener);

  // How many records were opened with the opener of now.
  uint64_t records_opened() const {
    return opener_ ? opener_->next_record() : 0;
  }

  // A change_cipher_spec record is dropped from now on (RFC 8446 section 5);
  // before this call it is an error.
  void AllowChangeCipherSpec() { change_cipher_spec_allowed_ = true; }

  // Skips early data that a client sent without being accepted (section
  // 4.2.10): up to kEarlyDataLimit bytes of records that do not open.
  void AllowEarlyData() { early_data_budget_ = kEarlyDataLimit; }
  void EndEarlyData() { early_data_budget_ = 0; }

  // The proof, when the last message taken ended its record and nothing
  // further was read; else kUnexpectedMessage.
  Result<Drained> ProveDrained() const;

  // --- To the peer ---

  // Queues a handshake message. Messages under the same keys share records.
  void Send(ByteView message);
  // Queues the handshake message that `write`(ByteWriter&) writes, and returns
  // it: its bytes are valid until the next call. Errors: FieldTooLong().
  template <typename Write>
  Result<ByteView> SendWritten(Write write);
  // Queues the dummy change_cipher_spec of section D.4.
  Status SendChangeCipherSpec();
  // The same, right before the next record and not before there is one: sent
  // alone, it would have TCP hold that back until it is acknowledged.
  Status SendChangeCipherSpecWithNext();
  // Queues a fatal alert behind what was sent before, under the keys of now.
  Status SendAlert(Alert alert);
  // From now on records are sealed with `sealer`.
  Status StartSealing(RecordSealer sealer);
  // No record carries more than `bytes` of content from now on; more than
  // kMaxPlaintext changes nothing.
  void LimitContent(std::size_t bytes) {
    max_content_ = std::min(bytes, kMaxPlaintext);
  }
  // Turns queued messages into records; output() then holds all there is.
  Status Pack();

  const OutputQueue& output() const { return output_; }
  void Written(std::size_t count) { output_.Written(count); }
  // The proof, when nothing waits to be written.
  std::optional<Flushed> ProveFlushed() const;

 private:
  static constexpr std::size_t kEarlyDataLimit = 1U << 14;  // bytes
  static constexpr unsigned kMaxRecords = 1U << 14;
  // change_cipher_spec, user_canceled: records that carry nothing.
  static constexpr unsigned kMaxIdleRecords = 32;

  Status OnRecord(const RawRecord& record);
  Status OnPlaintext(const RawRecord& record);
  Status OnProtected(RecordOpener& opener, const RawRecord& record);
  Status OnChangeCipherSpec(const RawRecord& record);
  Status OnAlert(ByteView content);
  Status CountIdle();
  bool SkipAsEarlyData(std::size_t size);
  Status Seal(ContentType type, ByteView content);
  void AppendChangeCipherSpec();

  RecordReader reader_;
  HandshakeAssembler assembler_;
  std::optional<RecordOpener> opener_;
  std::size_t early_data_budget_ = 0;
  unsigned records_ = 0;
  unsigned idle_records_ = 0;
  bool change_cipher_spec_allowed_ = false;

  Bytes draft_;  // of one message at a time
  Bytes unpacked_;
  std::size_t max_content_ = kMaxPlaintext;
  std::optional<RecordSealer> sealer_;
  bool change_cipher_spec_is_due_ = false;
  OutputQueue output_;
};

template <typename Write>
Result<ByteView> Channel::SendWritten(Write write) {
  draft_.clear();
  ByteWriter out(std::move(draft_));
  write(out);
  const bool written = out.ok();
  draft_ = std::move(out).Finish();
  if (!written) {
    return FieldTooLong();
  }
  Send(draft_);
  return ByteView(draft_);
}

}  // namespace ktlsd::handshake
