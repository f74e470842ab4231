// Extension blocks (RFC 8446 section 4.2) and the few shapes that extension
// bodies are made of.
//
// Scope:     syntax, duplicates, and which known extension may stand in which
//            message.
// Layer:     handshake/codec, for messages.h only.
// Threads:   pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

// One extension; its data is borrowed from the message.
struct Extension {
  ExtensionType type;
  ByteView data;
};

// Where an extension stands: the columns of the table in section 4.2.
enum class Place : uint8_t {
  kClientHello,
  kServerHello,
  kHelloRetryRequest,
  kEncryptedExtensions,
  kCertificateRequest,
  kCertificate,
};

// Takes an extension block with its length from `reader`.
// Errors: kDecodeError; kIllegalParameter for a type that comes twice;
// kMessageTooLarge for more than kMaxExtensions.
Result<std::vector<Extension>> ReadExtensions(ByteReader& reader);

// kIllegalParameter for an extension we know that does not belong in `place`.
Status CheckPlace(std::span<const Extension> extensions, Place place);

// The extension of `type`, or null.
const Extension* Find(std::span<const Extension> extensions,
                      ExtensionType type);
std::vector<uint16_t> TypesOf(std::span<const Extension> extensions);

Error DecodeError(std::string_view what);

// kDecodeError when `data` is not empty.
Status ParseEmpty(ByteView data);
// Data that is one two-byte number.
Result<uint16_t> ParseNumber(ByteView data);
// record_size_limit, RFC 8449; kIllegalParameter below 64.
Result<uint16_t> ParseRecordSizeLimit(ByteView data);
// Data that is one vector of one byte or more, with a two-byte length.
Result<ByteView> ParseVector16(ByteView data);
// The same with a one-byte length.
Result<ByteView> ParseVector8(ByteView data);
// The names of an ALPN ProtocolNameList, RFC 7301 section 3.1.
Result<std::vector<Bytes>> ParseAlpn(ByteView data);

// The two-byte numbers of `list`, one or more.
template <typename Number>
Result<std::vector<Number>> ParseNumbers(ByteView list) {
  if (list.empty() || list.size() % 2 != 0) {
    return DecodeError("empty list, or half a number in it");
  }
  std::vector<Number> numbers;
  numbers.reserve(list.size() / 2);
  ByteReader reader(list);
  while (const auto number = reader.U16()) {
    numbers.push_back(static_cast<Number>(*number));
  }
  return numbers;
}

// Data that is a vector of two-byte numbers with a two-byte length.
template <typename Number>
Result<std::vector<Number>> ParseNumberList16(ByteView data) {
  ASSIGN_OR_RETURN(const ByteView list, ParseVector16(data));
  return ParseNumbers<Number>(list);
}

// The names of certificate_authorities, RFC 8446 section 4.2.4.
Result<std::vector<Bytes>> ParseAuthorities(ByteView data);

// Moves what was parsed to `field`.
template <typename Value, typename Field>
Status Store(Result<Value> parsed, Field& field) {
  if (!parsed.ok()) {
    return parsed.error();
  }
  field = std::move(parsed).value();
  return Ok{};
}

// Writes one extension, its data by `body`.
template <typename Body>
void WriteExtension(ByteWriter& out, ExtensionType type, Body&& body) {
  out.U16(static_cast<uint16_t>(type));
  out.Prefixed(2, std::forward<Body>(body));
}

// Writes an extension that is a list of two-byte numbers, unless it is empty.
template <typename Number>
void WriteNumberList(ByteWriter& out, ExtensionType type,
                     const std::vector<Number>& numbers) {
  if (numbers.empty()) {
    return;
  }
  WriteExtension(out, type, [&] {
    out.Prefixed(2, [&] {
      for (const Number number : numbers) {
        out.U16(static_cast<uint16_t>(number));
      }
    });
  });
}

// Writes the ALPN extension, unless `names` is empty.
void WriteAlpn(ByteWriter& out, std::span<const Bytes> names);

// Writes certificate_authorities, unless `names` is empty.
void WriteAuthorities(ByteWriter& out, std::span<const Bytes> names);

// Writes a whole handshake message, its body by `body`.
template <typename Body>
void WriteMessage(ByteWriter& out, HandshakeType type, Body&& body) {
  out.U8(static_cast<uint8_t>(type));
  out.Prefixed(3, std::forward<Body>(body));
}

}  // namespace ktlsd::handshake
