#include "handshake/channel.h"

#include <algorithm>
#include <utility>

#include "base/error_codes.h"

namespace ktlsd::handshake {
namespace {

constexpr uint8_t kLevelFatal = 2;            // RFC 8446 section 6
constexpr uint8_t kChangeCipherSpecBody = 1;  // RFC 8446 section 5

}  // namespace

Status Channel::Add(ByteView bytes) {
  ASSIGN_OR_RETURN(const std::optional<RawRecord> record, reader_.Add(bytes));
  if (!record) {
    return Ok{};
  }
  if (++records_ > kMaxRecords) {
    return Error{Code::kRecordFlood, "too many records in one handshake"};
  }
  return OnRecord(*record);
}

Status Channel::OnRecord(const RawRecord& record) {
  if (record.type == ContentType::kChangeCipherSpec) {
    return OnChangeCipherSpec(record);
  }
  // A peer that could not derive our keys alerts in the clear, also while we
  // expect ciphertext. Anybody can forge that: it can only end the handshake.
  if (record.type == ContentType::kAlert) {
    return OnAlert(record.body);
  }
  return opener_ ? OnProtected(*opener_, record) : OnPlaintext(record);
}

Status Channel::OnPlaintext(const RawRecord& record) {
  if (record.type == ContentType::kApplicationData &&
      SkipAsEarlyData(record.body.size())) {
    return Ok{};
  }
  if (record.type != ContentType::kHandshake) {
    return Error{Code::kUnexpectedMessage,
                 "application data before the handshake's keys"};
  }
  return assembler_.Add(record.body);
}

Status Channel::OnProtected(RecordOpener& opener, const RawRecord& record) {
  if (record.type != ContentType::kApplicationData) {
    return Error{
        Code::kUnexpectedMessage,
        "an unprotected handshake record where a protected one is due"};
  }
  Result<OpenedRecord> opened = opener.Open(record.header, record.body);
  if (!opened.ok()) {
    if (opened.error().code == Code::kBadRecordMac &&
        SkipAsEarlyData(record.body.size())) {
      return Ok{};
    }
    return opened.error();
  }
  EndEarlyData();
  switch (opened->type) {
    case ContentType::kHandshake:
      return assembler_.Add(opened->content);
    case ContentType::kAlert:
      return OnAlert(opened->content);
    case ContentType::kChangeCipherSpec:
    case ContentType::kApplicationData:
      break;
  }
  return Error{Code::kUnexpectedMessage,
               "a protected record that is no handshake"};
}

Status Channel::OnChangeCipherSpec(const RawRecord& record) {
  // RFC 8446 section 5: "An implementation which receives any other
  // change_cipher_spec value or which receives a protected
  // change_cipher_spec record MUST abort the handshake".
  const bool well_formed =
      record.body.size() == 1 && record.body[0] == kChangeCipherSpecBody;
  if (!change_cipher_spec_allowed_ || !well_formed) {
    return Error{Code::kUnexpectedMessage, "a misplaced change_cipher_spec"};
  }
  return CountIdle();
}

Status Channel::OnAlert(ByteView content) {
  // Section 5.4: a protected record without content.
  if (content.empty()) {
    return Error{Code::kUnexpectedMessage, "an empty alert"};
  }
  if (content.size() != 2) {
    return Error{Code::kDecodeError, "an alert that is not two bytes"};
  }
  const auto description = static_cast<Alert>(content[1]);
  if (description == Alert::kCloseNotify) {
    return Error{Code::kPeerClosed, "the peer closed with close_notify"};
  }
  // Section 6.1: user_canceled says that close_notify follows.
  if (description == Alert::kUserCanceled) {
    return CountIdle();
  }
  return Error{Code::kAlertReceived, "the peer sent an alert", 0, content[1]};
}

Status Channel::CountIdle() {
  // Section 5.1: no other record inside a handshake message.
  if (!assembler_.empty()) {
    return Error{Code::kUnexpectedMessage, "a record inside a message"};
  }
  if (++idle_records_ > kMaxIdleRecords) {
    return Error{Code::kRecordFlood, "too many records that carry nothing"};
  }
  return Ok{};
}

bool Channel::SkipAsEarlyData(std::size_t size) {
  if (size > early_data_budget_ || !assembler_.empty()) {
    return false;
  }
  early_data_budget_ -= size;
  return true;
}

Result<std::optional<HandshakeMessage>> Channel::NextMessage() {
  return assembler_.Next();
}

Status Channel::CheckRecordEnd() const {
  if (!assembler_.empty()) {
    return Error{Code::kUnexpectedMessage,
                 "a message goes on across a change of keys"};
  }
  return Ok{};
}

Status Channel::StartOpening(RecordOpener opener) {
  RETURN_IF_ERROR(CheckRecordEnd());
  opener_ = std::move(opener);
  return Ok{};
}

Result<Drained> Channel::ProveDrained() const {
  if (!assembler_.empty() || !reader_.at_boundary()) {
    return Error{Code::kUnexpectedMessage,
                 "the peer's record goes on after its Finished"};
  }
  return Drained();
}

void Channel::Send(ByteView message) {
  MakeRoom(unpacked_, kUsualFlight);
  unpacked_.insert(unpacked_.end(), message.begin(), message.end());
}

Status Channel::Pack() {
  ByteView rest = unpacked_;
  while (!rest.empty()) {
    const std::size_t size = std::min(rest.size(), max_content_);
    RETURN_IF_ERROR(Seal(ContentType::kHandshake, rest.first(size)));
    rest = rest.subspan(size);
  }
  unpacked_.clear();
  return Ok{};
}

Status Channel::Seal(ContentType type, ByteView content) {
  if (std::exchange(change_cipher_spec_is_due_, false)) {
    AppendChangeCipherSpec();
  }
  Bytes& out = output_.tail();
  MakeRoom(out, kUsualFlight);
  if (sealer_) {
    return sealer_->Seal(type, content, out);
  }
  // Section 5.1: legacy_record_version is 0x0303; 0x0301 is allowed for a
  // first ClientHello and not needed by any peer that speaks TLS 1.3.
  const std::size_t size = content.size();
  out.insert(out.end(), {static_cast<uint8_t>(type), kVersionTls12 >> 8,
                         kVersionTls12 & 0xff, static_cast<uint8_t>(size >> 8),
                         static_cast<uint8_t>(size)});
  out.insert(out.end(), content.begin(), content.end());
  return Ok{};
}

// Never protected, whatever the keys are.
void Channel::AppendChangeCipherSpec() {
  Bytes& out = output_.tail();
  out.insert(out.end(), {static_cast<uint8_t>(ContentType::kChangeCipherSpec),
                         kVersionTls12 >> 8, kVersionTls12 & 0xff, 0, 1,
                         kChangeCipherSpecBody});
}

Status Channel::SendChangeCipherSpec() {
  RETURN_IF_ERROR(Pack());
  AppendChangeCipherSpec();
  return Ok{};
}

Status Channel::SendChangeCipherSpecWithNext() {
  RETURN_IF_ERROR(Pack());
  change_cipher_spec_is_due_ = true;
  return Ok{};
}

Status Channel::SendAlert(Alert alert) {
  RETURN_IF_ERROR(Pack());
  const uint8_t content[] = {kLevelFatal, static_cast<uint8_t>(alert)};
  return Seal(ContentType::kAlert, content);
}

Status Channel::StartSealing(RecordSealer sealer) {
  RETURN_IF_ERROR(Pack());
  sealer_ = std::move(sealer);
  return Ok{};
}

std::optional<Flushed> Channel::ProveFlushed() const {
  if (!unpacked_.empty() || change_cipher_spec_is_due_ || !output_.empty()) {
    return std::nullopt;
  }
  return Flushed();
}

}  // namespace ktlsd::handshake
