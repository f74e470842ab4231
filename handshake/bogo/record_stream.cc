#include "handshake/bogo/record_stream.h"

#include <algorithm>

#include "base/error_codes.h"

namespace ktlsd::handshake {

Result<RecordStream> RecordStream::Start(Role ours, const SessionKeys& keys,
                                         Socket& socket) {
  if (keys.send.next_record != 0 || keys.receive.next_record != 0) {
    return Error{Code::kApiMisuse, "records were protected already"};
  }
  ASSIGN_OR_RETURN(RecordSealer sealer,
                   RecordSealer::Create(keys.suite, keys.send.traffic_secret));
  ASSIGN_OR_RETURN(
      RecordOpener opener,
      RecordOpener::Create(keys.suite, keys.receive.traffic_secret));
  return RecordStream(ours, std::move(sealer), std::move(opener), socket);
}

Result<std::size_t> RecordStream::Read(std::span<uint8_t> buffer) {
  while (data_.empty()) {
    const Result<bool> more = TakeRecord();
    if (!more.ok()) {
      const Alert alert = Describe(more.error().code).alert;
      if (alert != Alert::kCloseNotify) {
        // The reason of the failure is worth more than this one's.
        static_cast<void>(SendAlert(alert, /*fatal=*/true).ok());
      }
      return more.error();
    }
    if (!*more) {
      return std::size_t{0};
    }
  }
  const std::size_t size = std::min(buffer.size(), data_.size());
  std::copy_n(data_.begin(), size, buffer.begin());
  data_.erase(data_.begin(), data_.begin() + static_cast<std::ptrdiff_t>(size));
  return size;
}

Result<bool> RecordStream::TakeRecord() {
  while (true) {
    Bytes buffer(reader_.bytes_wanted());
    ASSIGN_OR_RETURN(const std::size_t count, socket_->Read(buffer));
    if (count == 0) {
      return false;
    }
    ASSIGN_OR_RETURN(const auto record,
                     reader_.Add(ByteView(buffer).first(count)));
    if (!record) {
      continue;
    }
    if (record->type != ContentType::kApplicationData) {
      return Error{Code::kUnexpectedMessage, "an unprotected record"};
    }
    ASSIGN_OR_RETURN(OpenedRecord opened,
                     opener_.Open(record->header, record->body));
    return OnRecord(std::move(opened));
  }
}

Result<bool> RecordStream::OnRecord(OpenedRecord record) {
  if (record.type == ContentType::kHandshake) {
    RETURN_IF_ERROR(OnHandshake(record.content));
    return true;
  }
  if (record.type == ContentType::kAlert) {
    return OnAlert(record.content);
  }
  if (record.type != ContentType::kApplicationData || !assembler_.empty()) {
    return Error{Code::kUnexpectedMessage, "not application data"};
  }
  data_.insert(data_.end(), record.content.begin(), record.content.end());
  return true;
}

Status RecordStream::OnHandshake(ByteView content) {
  RETURN_IF_ERROR(assembler_.Add(content));
  while (true) {
    ASSIGN_OR_RETURN(const auto message, assembler_.Next());
    if (!message) {
      return Ok{};
    }
    if (ours_ != Role::kClient ||
        message->type != HandshakeType::kNewSessionTicket) {
      return Error{Code::kUnexpectedMessage,
                   "a handshake message after the handshake"};
    }
  }
}

Result<bool> RecordStream::OnAlert(ByteView content) {
  if (content.size() != 2) {
    return Error{Code::kDecodeError, "an alert that is not two bytes"};
  }
  const auto alert = static_cast<Alert>(content[1]);
  if (alert == Alert::kUserCanceled) {
    return true;
  }
  if (alert == Alert::kCloseNotify) {
    saw_close_notify_ = true;
    return false;
  }
  return Error{Code::kAlertReceived, "the peer sent an alert", 0, content[1]};
}

Status RecordStream::Write(ByteView data) {
  while (!data.empty()) {
    const ByteView piece = data.first(std::min(data.size(), kMaxPlaintext));
    RETURN_IF_ERROR(SealAndWrite(ContentType::kApplicationData, piece));
    data = data.subspan(piece.size());
  }
  return Ok{};
}

Status RecordStream::SendAlert(Alert alert, bool fatal) {
  const uint8_t content[] = {static_cast<uint8_t>(fatal ? 2 : 1),
                             static_cast<uint8_t>(alert)};
  return SealAndWrite(ContentType::kAlert, content);
}

Status RecordStream::SendTicket(uint16_t early_data_size) {
  const Bytes lifetime = {0, 0, 0x0e, 0x10};  // an hour, in seconds
  const Bytes age_add(4);
  const Bytes nonce(1);
  const Bytes ticket(32, 0x5a);
  ByteWriter out;
  out.U8(static_cast<uint8_t>(HandshakeType::kNewSessionTicket));
  out.Prefixed(3, [&] {
    out.Append(lifetime);
    out.Append(age_add);
    out.Prefixed(1, [&] { out.Append(nonce); });
    out.Prefixed(2, [&] { out.Append(ticket); });
    out.Prefixed(2, [&] {
      if (early_data_size != 0) {
        out.U16(static_cast<uint16_t>(ExtensionType::kEarlyData));
        out.Prefixed(2, [&] {
          out.U16(0);
          out.U16(early_data_size);
        });
      }
    });
  });
  return SealAndWrite(ContentType::kHandshake, out.view());
}

Status RecordStream::SealAndWrite(ContentType type, ByteView content) {
  Bytes record;
  RETURN_IF_ERROR(sealer_.Seal(type, content, record));
  return socket_->WriteAll(record);
}

}  // namespace ktlsd::handshake
