#include "agent/check/first_call.h"

#include <optional>

#include "agent/check/rpc.h"
#include "base/alert.h"
#include "base/bytes.h"
#include "handshake/codec/record_reader.h"
#include "handshake/record_protection.h"
#include "handshake/wire.h"

namespace ktlsd::agent {
namespace {

using handshake::ContentType;
using handshake::OpenedRecord;
using handshake::RecordOpener;
using handshake::RecordSealer;

constexpr uint32_t kCallId = 2;

Result<OpenedRecord> ReadRecord(Stream& stream, RecordOpener& opener) {
  handshake::RecordReader reader;
  for (;;) {
    Bytes buffer(reader.bytes_wanted());
    RETURN_IF_ERROR(stream.ReadAll(buffer));
    ASSIGN_OR_RETURN(const auto record, reader.Add(buffer));
    if (record.has_value()) {
      return opener.Open(record->header, record->body);
    }
  }
}

}  // namespace

Status CallOverTls(Stream& stream, const SessionKeys& keys) {
  ASSIGN_OR_RETURN(RecordSealer sealer,
                   RecordSealer::Create(keys.suite, keys.send.traffic_secret));
  ASSIGN_OR_RETURN(
      RecordOpener opener,
      RecordOpener::Create(keys.suite, keys.receive.traffic_secret));
  Bytes sealed;
  RETURN_IF_ERROR(sealer.Seal(ContentType::kApplicationData,
                              NullCall(kCallId, RpcFlavor::kNone), sealed));
  RETURN_IF_ERROR(stream.Write(sealed));
  for (;;) {
    ASSIGN_OR_RETURN(const OpenedRecord record, ReadRecord(stream, opener));
    if (record.type == ContentType::kAlert && record.content.size() == 2) {
      const uint8_t alert = record.content[1];
      if (alert == static_cast<uint8_t>(Alert::kCloseNotify)) {
        return Error{Code::kPeerClosed, "the peer closed with close_notify"};
      }
      return Error{Code::kAlertReceived, "the peer sent an alert", 0, alert};
    }
    if (record.type == ContentType::kApplicationData) {
      return Ok{};
    }
    if (record.type != ContentType::kHandshake) {  // a ticket
      return Error{Code::kUnexpectedMessage, "no answer of RPC"};
    }
  }
}

}  // namespace ktlsd::agent
