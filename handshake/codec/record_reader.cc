#include "handshake/codec/record_reader.h"

namespace ktlsd::handshake {
namespace {

constexpr uint8_t kMajorVersion = 3;  // of every TLS, and of SSL 3

// The length field of a complete header.
std::size_t BodySize(ByteView header) {
  return static_cast<std::size_t>(header[3]) << 8 | header[4];
}

bool IsKnown(ContentType type) {
  switch (type) {
    case ContentType::kChangeCipherSpec:
    case ContentType::kAlert:
    case ContentType::kHandshake:
    case ContentType::kApplicationData:
      return true;
  }
  return false;
}

}  // namespace

std::size_t RecordReader::bytes_wanted() const {
  if (at_boundary()) {
    return kRecordHeaderSize;
  }
  if (buffer_.size() < kRecordHeaderSize) {
    return kRecordHeaderSize - buffer_.size();
  }
  return kRecordHeaderSize + BodySize(buffer_) - buffer_.size();
}

bool RecordReader::at_boundary() const { return returned_ || buffer_.empty(); }

Result<std::optional<RawRecord>> RecordReader::Add(ByteView bytes) {
  if (bytes.empty() || bytes.size() > bytes_wanted()) {
    return Error{Code::kApiMisuse, "not the number of bytes wanted"};
  }
  if (returned_) {
    buffer_.clear();
    returned_ = false;
  }
  MakeRoom(buffer_, kUsualFlight);
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() == kRecordHeaderSize) {
    RETURN_IF_ERROR(CheckHeader());
  }
  if (buffer_.size() <= kRecordHeaderSize || bytes_wanted() > 0) {
    return std::optional<RawRecord>();
  }
  returned_ = true;
  first_ = false;
  const ByteView whole = buffer_;
  return std::optional<RawRecord>(
      RawRecord{.type = static_cast<ContentType>(whole[0]),
                .header = whole.first(kRecordHeaderSize),
                .body = whole.subspan(kRecordHeaderSize)});
}

Status RecordReader::CheckHeader() {
  const auto type = static_cast<ContentType>(buffer_[0]);
  // RFC 8446 section 5.1: legacy_record_version "MUST be ignored for all
  // purposes"; its major half only tells TLS from other protocols here.
  if (!IsKnown(type) || buffer_[1] != kMajorVersion) {
    return first_ ? Error{Code::kNotTls, "the first bytes are no TLS record"}
                  : Error{Code::kUnexpectedMessage, "not a TLS record"};
  }
  const std::size_t size = BodySize(buffer_);
  const std::size_t limit =
      type == ContentType::kApplicationData ? kMaxCiphertext : kMaxPlaintext;
  if (size > limit) {
    return Error{Code::kRecordOverflow, "record too long"};
  }
  if (size == 0) {
    return Error{Code::kDecodeError, "empty record"};
  }
  return Ok{};
}

}  // namespace ktlsd::handshake
