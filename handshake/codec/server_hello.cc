// ServerHello, HelloRetryRequest and EncryptedExtensions, RFC 8446 sections
// 4.1.3, 4.1.4 and 4.3.1.

#include <algorithm>
#include <span>

#include "handshake/codec/extensions.h"
#include "handshake/codec/messages.h"

namespace ktlsd::handshake {
namespace {

constexpr uint8_t kNullCompression = 0;

Result<KeyShareEntry> ParseServerShare(ByteView data) {
  ByteReader reader(data);
  const auto group = reader.U16();
  const auto share = reader.Prefixed16();
  if (!group || !share || share->empty() || !reader.done()) {
    return DecodeError("malformed key_share");
  }
  return KeyShareEntry{static_cast<NamedGroup>(*group),
                       Bytes(share->begin(), share->end())};
}

// In a HelloRetryRequest: only the group that the server wants.
Result<KeyShareEntry> ParseRetryGroup(ByteView data) {
  ASSIGN_OR_RETURN(const uint16_t group, ParseNumber(data));
  return KeyShareEntry{static_cast<NamedGroup>(group), {}};
}

Result<Bytes> ParseCookie(ByteView data) {
  ASSIGN_OR_RETURN(const ByteView cookie, ParseVector16(data));
  return Bytes(cookie.begin(), cookie.end());
}

Status ParseExtension(const Extension& extension, ServerHello& hello) {
  const ByteView data = extension.data;
  if (extension.type == ExtensionType::kSupportedVersions) {
    return Store(ParseNumber(data), hello.selected_version);
  }
  if (extension.type == ExtensionType::kKeyShare) {
    return Store(
        hello.is_retry ? ParseRetryGroup(data) : ParseServerShare(data),
        hello.key_share);
  }
  if (extension.type == ExtensionType::kCookie) {
    return Store(ParseCookie(data), hello.cookie);
  }
  if (extension.type == ExtensionType::kPreSharedKey) {
    return Store(ParseNumber(data), hello.selected_psk);
  }
  return Ok{};
}

Status ParseFixedPart(ByteReader& reader, ServerHello& hello) {
  const auto version = reader.U16();
  const auto random = reader.Take(kRandomSize);
  const auto session = reader.Prefixed8();
  const auto suite = reader.U16();
  const auto compression = reader.U8();
  if (!version || !random || !session || !suite || !compression) {
    return DecodeError("ServerHello cut short");
  }
  if (session->size() > kMaxSessionId) {
    return DecodeError("session id too long");
  }
  if (*compression != kNullCompression) {
    return Error{Code::kIllegalParameter, "compression method not null"};
  }
  hello.legacy_version = *version;
  std::ranges::copy(*random, hello.random.begin());
  hello.is_retry = hello.random == kHelloRetryRequestRandom;
  hello.legacy_session_id_echo.assign(session->begin(), session->end());
  hello.cipher_suite = static_cast<CipherSuite>(*suite);
  return Ok{};
}

// What holds for a ServerHello with supported_versions, and only for it: an
// older version's may have other extensions.
Status ParseTls13(std::span<const Extension> extensions, ServerHello& hello) {
  // RFC 8446 section 4.1.3: legacy_version "MUST be set to 0x0303".
  if (hello.legacy_version != kVersionTls12) {
    return Error{Code::kIllegalParameter, "legacy_version is not TLS 1.2"};
  }
  RETURN_IF_ERROR(CheckPlace(extensions, hello.is_retry
                                             ? Place::kHelloRetryRequest
                                             : Place::kServerHello));
  for (const Extension& extension : extensions) {
    RETURN_IF_ERROR(ParseExtension(extension, hello));
  }
  return Ok{};
}

Status ParseExtension(const Extension& extension, EncryptedExtensions& out) {
  const ByteView data = extension.data;
  if (extension.type == ExtensionType::kServerName) {
    out.server_name_acknowledged = true;
    return ParseEmpty(data);
  }
  if (extension.type == ExtensionType::kAlpn) {
    ASSIGN_OR_RETURN(auto names, ParseAlpn(data));
    // RFC 7301 section 3.1: the answer "MUST contain exactly one
    // "ProtocolName"".
    if (names.size() != 1) {
      return DecodeError("more than one ALPN protocol in the answer");
    }
    out.alpn_protocol = std::move(names.front());
    return Ok{};
  }
  if (extension.type == ExtensionType::kRecordSizeLimit) {
    return Store(ParseRecordSizeLimit(data), out.record_size_limit);
  }
  if (extension.type == ExtensionType::kSupportedGroups) {
    std::vector<NamedGroup> ignored;
    return Store(ParseNumberList16<NamedGroup>(data), ignored);
  }
  if (extension.type == ExtensionType::kEarlyData) {
    return ParseEmpty(data);
  }
  return Ok{};
}

void WriteKeyShare(ByteWriter& out, const ServerHello& hello) {
  WriteExtension(out, ExtensionType::kKeyShare, [&] {
    out.U16(static_cast<uint16_t>(hello.key_share->group));
    if (!hello.is_retry) {
      out.Prefixed(2, [&] { out.Append(hello.key_share->key_exchange); });
    }
  });
}

void WriteExtensions(ByteWriter& out, const ServerHello& hello) {
  if (hello.selected_version) {
    WriteExtension(out, ExtensionType::kSupportedVersions,
                   [&] { out.U16(*hello.selected_version); });
  }
  if (hello.key_share) {
    WriteKeyShare(out, hello);
  }
  if (hello.cookie) {
    WriteExtension(out, ExtensionType::kCookie, [&] {
      out.Prefixed(2, [&] { out.Append(*hello.cookie); });
    });
  }
  if (hello.selected_psk) {
    WriteExtension(out, ExtensionType::kPreSharedKey,
                   [&] { out.U16(*hello.selected_psk); });
  }
}

}  // namespace

Result<ServerHello> ParseServerHello(ByteView body) {
  ServerHello hello;
  ByteReader reader(body);
  RETURN_IF_ERROR(ParseFixedPart(reader, hello));
  std::vector<Extension> extensions;
  if (!reader.done()) {  // before TLS 1.3 a ServerHello may end here
    RETURN_IF_ERROR(Store(ReadExtensions(reader), extensions));
  }
  if (!reader.done()) {
    return DecodeError("bytes behind the ServerHello");
  }
  hello.extension_types = TypesOf(extensions);
  if (Find(extensions, ExtensionType::kSupportedVersions) != nullptr) {
    RETURN_IF_ERROR(ParseTls13(extensions, hello));
  }
  return hello;
}

Result<EncryptedExtensions> ParseEncryptedExtensions(ByteView body) {
  EncryptedExtensions result;
  ByteReader reader(body);
  ASSIGN_OR_RETURN(const auto extensions, ReadExtensions(reader));
  if (!reader.done()) {
    return DecodeError("bytes behind the EncryptedExtensions");
  }
  RETURN_IF_ERROR(CheckPlace(extensions, Place::kEncryptedExtensions));
  for (const Extension& extension : extensions) {
    RETURN_IF_ERROR(ParseExtension(extension, result));
  }
  result.extension_types = TypesOf(extensions);
  return result;
}

void Write(ByteWriter& out, const ServerHello& hello) {
  WriteMessage(out, HandshakeType::kServerHello, [&] {
    out.U16(hello.legacy_version);
    out.Append(hello.is_retry ? kHelloRetryRequestRandom : hello.random);
    out.Prefixed(1, [&] { out.Append(hello.legacy_session_id_echo); });
    out.U16(static_cast<uint16_t>(hello.cipher_suite));
    out.U8(kNullCompression);
    out.Prefixed(2, [&] { WriteExtensions(out, hello); });
  });
}

void Write(ByteWriter& out, const EncryptedExtensions& extensions) {
  WriteMessage(out, HandshakeType::kEncryptedExtensions, [&] {
    out.Prefixed(2, [&] {
      if (extensions.server_name_acknowledged) {
        WriteExtension(out, ExtensionType::kServerName, [] {});
      }
      if (extensions.alpn_protocol) {
        WriteAlpn(out, std::span(&*extensions.alpn_protocol, 1));
      }
      if (extensions.record_size_limit) {
        WriteExtension(out, ExtensionType::kRecordSizeLimit,
                       [&] { out.U16(*extensions.record_size_limit); });
      }
    });
  });
}

}  // namespace ktlsd::handshake
