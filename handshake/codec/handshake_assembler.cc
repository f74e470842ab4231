#include "handshake/codec/handshake_assembler.h"

namespace ktlsd::handshake {
namespace {

struct Header {
  HandshakeType type;
  std::size_t body_size;
};

std::optional<Header> ReadHeader(ByteView bytes) {
  ByteReader reader(bytes);
  const auto type = reader.U8();
  const auto size = reader.U24();
  if (!type || !size) {
    return std::nullopt;
  }
  return Header{static_cast<HandshakeType>(*type), *size};
}

std::size_t LimitOf(HandshakeType type) {
  switch (type) {
    case HandshakeType::kClientHello:
      return kMaxClientHello;
    case HandshakeType::kCertificate:
    case HandshakeType::kCertificateRequest:
      return kMaxCertificateMessage;
    case HandshakeType::kServerHello:
    case HandshakeType::kNewSessionTicket:
    case HandshakeType::kEndOfEarlyData:
    case HandshakeType::kEncryptedExtensions:
    case HandshakeType::kCertificateVerify:
    case HandshakeType::kFinished:
    case HandshakeType::kKeyUpdate:
    case HandshakeType::kMessageHash:
      break;
  }
  return kMaxOtherMessage;
}

Status CheckLimit(const std::optional<Header>& header) {
  if (header && header->body_size > LimitOf(header->type)) {
    return Error{Code::kMessageTooLarge, "handshake message too large"};
  }
  return Ok{};
}

}  // namespace

Status HandshakeAssembler::Add(ByteView fragment) {
  // RFC 8446 section 5.1: "Implementations MUST NOT send zero-length fragments
  // of Handshake types".
  if (fragment.empty()) {
    return Error{Code::kUnexpectedMessage, "empty handshake fragment"};
  }
  buffer_.erase(buffer_.begin(),
                buffer_.begin() + static_cast<std::ptrdiff_t>(consumed_));
  consumed_ = 0;
  MakeRoom(buffer_, kUsualFlight);
  buffer_.insert(buffer_.end(), fragment.begin(), fragment.end());
  return CheckLimit(ReadHeader(buffer_));
}

Result<std::optional<HandshakeMessage>> HandshakeAssembler::Next() {
  const ByteView held = ByteView(buffer_).subspan(consumed_);
  const std::optional<Header> header = ReadHeader(held);
  RETURN_IF_ERROR(CheckLimit(header));
  if (!header || held.size() - kHandshakeHeaderSize < header->body_size) {
    return std::optional<HandshakeMessage>();
  }
  const ByteView whole = held.first(kHandshakeHeaderSize + header->body_size);
  consumed_ += whole.size();
  return std::optional<HandshakeMessage>(
      HandshakeMessage{.type = header->type,
                       .body = whole.subspan(kHandshakeHeaderSize),
                       .whole = whole});
}

bool HandshakeAssembler::empty() const { return consumed_ == buffer_.size(); }

}  // namespace ktlsd::handshake
