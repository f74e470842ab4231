#include "agent/check/first_call.h"

#include <cstddef>
#include <utility>

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

// What the peer sends as application data: one stream of bytes, wherever its
// records begin and end.
class TlsInput {
 public:
  TlsInput(Stream& stream, RecordOpener opener)
      : stream_(stream), opener_(std::move(opener)) {}

  // Exactly so many bytes.
  Result<Bytes> Read(std::size_t count) {
    while (pending_.size() < count) {
      ASSIGN_OR_RETURN(const OpenedRecord record, ReadRecord());
      RETURN_IF_ERROR(Take(record));
    }
    const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(count);
    Bytes bytes(pending_.begin(), end);
    pending_.erase(pending_.begin(), end);
    return bytes;
  }

 private:
  Result<OpenedRecord> ReadRecord() {
    handshake::RecordReader reader;
    for (;;) {
      Bytes buffer(reader.bytes_wanted());
      RETURN_IF_ERROR(stream_.ReadAll(buffer));
      ASSIGN_OR_RETURN(const auto record, reader.Add(buffer));
      if (record.has_value()) {
        return opener_.Open(record->header, record->body);
      }
    }
  }

  Status Take(const OpenedRecord& record) {
    if (record.type == ContentType::kAlert && record.content.size() == 2) {
      const uint8_t alert = record.content[1];
      if (alert == static_cast<uint8_t>(Alert::kCloseNotify)) {
        return Error{Code::kPeerClosed, "the peer closed with close_notify"};
      }
      return Error{Code::kAlertReceived, "the peer sent an alert", 0, alert};
    }
    if (record.type == ContentType::kApplicationData) {
      pending_.insert(pending_.end(), record.content.begin(),
                      record.content.end());
      return Ok{};
    }
    if (record.type != ContentType::kHandshake) {  // a ticket
      return Error{Code::kUnexpectedMessage, "no answer of RPC"};
    }
    return Ok{};
  }

  Stream& stream_;
  RecordOpener opener_;
  Bytes pending_;
};

}  // namespace

Result<std::optional<std::string>> CallOverTls(Stream& stream,
                                               const SessionKeys& keys) {
  ASSIGN_OR_RETURN(RecordSealer sealer,
                   RecordSealer::Create(keys.suite, keys.send.traffic_secret));
  ASSIGN_OR_RETURN(
      RecordOpener opener,
      RecordOpener::Create(keys.suite, keys.receive.traffic_secret));
  Bytes sealed;
  RETURN_IF_ERROR(sealer.Seal(ContentType::kApplicationData,
                              NullCall(kCallId, RpcFlavor::kNone), sealed));
  RETURN_IF_ERROR(stream.Write(sealed));
  TlsInput input(stream, std::move(opener));
  ASSIGN_OR_RETURN(const Bytes mark, input.Read(kRecordMark));
  const auto size = RecordSize(mark);
  if (!size.has_value()) {
    return std::optional(std::string("what answers is no RPC"));
  }
  ASSIGN_OR_RETURN(const Bytes reply, input.Read(*size));
  return RefusesCall(reply, kCallId);
}

}  // namespace ktlsd::agent
