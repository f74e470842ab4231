#include "handshake/interop/application_data.h"

#include "base/alert.h"

namespace ktlsd::handshake {

Result<ApplicationData> ApplicationData::Start(const SessionKeys& keys,
                                               LoopbackStream& stream) {
  if (keys.send.next_record != 0 || keys.receive.next_record != 0) {
    return Error{Code::kApiMisuse, "records were protected already"};
  }
  ASSIGN_OR_RETURN(RecordSealer sealer,
                   RecordSealer::Create(keys.suite, keys.send.traffic_secret));
  ASSIGN_OR_RETURN(
      RecordOpener opener,
      RecordOpener::Create(keys.suite, keys.receive.traffic_secret));
  return ApplicationData(std::move(sealer), std::move(opener), stream);
}

Status ApplicationData::Send(std::string_view text) {
  return Seal(ContentType::kApplicationData, Bytes(text.begin(), text.end()));
}

Status ApplicationData::AwaitText(std::string_view text) {
  while (received_.find(text) == std::string::npos) {
    ASSIGN_OR_RETURN(const OpenedRecord record, ReadRecord());
    if (record.type == ContentType::kHandshake) {
      continue;
    }
    if (record.type == ContentType::kAlert && record.content.size() == 2) {
      return Error{Code::kAlertReceived, "instead of data", 0,
                   record.content[1]};
    }
    if (record.type != ContentType::kApplicationData) {
      return Error{Code::kUnexpectedMessage, "not application data"};
    }
    received_.append(record.content.begin(), record.content.end());
  }
  return Ok{};
}

Status ApplicationData::Close() {
  constexpr uint8_t kWarning = 1;
  return Seal(ContentType::kAlert,
              Bytes{kWarning, static_cast<uint8_t>(Alert::kCloseNotify)});
}

Status ApplicationData::Seal(ContentType type, ByteView content) {
  Bytes record;
  RETURN_IF_ERROR(sealer_.Seal(type, content, record));
  ByteView rest = record;
  while (!rest.empty()) {
    ASSIGN_OR_RETURN(const std::size_t count, stream_->Write(rest));
    rest = rest.subspan(count);
  }
  return Ok{};
}

Result<OpenedRecord> ApplicationData::ReadRecord() {
  while (true) {
    Bytes buffer(reader_.bytes_wanted());
    ASSIGN_OR_RETURN(const std::size_t count, stream_->Read(buffer));
    if (count == 0) {
      return Error{Code::kPeerClosed, "instead of data"};
    }
    ASSIGN_OR_RETURN(const auto record,
                     reader_.Add(ByteView(buffer).first(count)));
    if (record) {
      return opener_.Open(record->header, record->body);
    }
  }
}

}  // namespace ktlsd::handshake
