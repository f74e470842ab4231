#include "handshake/codec/extensions.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

namespace ktlsd::handshake {
namespace {

constexpr std::size_t kUsualExtensions = 12;  // of most messages
constexpr uint16_t kMinRecordSizeLimit = 64;  // bytes; RFC 8449 section 4

constexpr unsigned Bit(Place place) {
  return 1U << static_cast<unsigned>(place);
}

constexpr unsigned kAnywhere = ~0U;
constexpr unsigned kHello = Bit(Place::kClientHello);
constexpr unsigned kAnswered = kHello | Bit(Place::kEncryptedExtensions);
constexpr unsigned kRequest = Bit(Place::kCertificateRequest);

// The table of RFC 8446 section 4.2 (record_size_limit: RFC 8449).
unsigned PlacesOf(ExtensionType type) {
  switch (type) {
    case ExtensionType::kServerName:
    case ExtensionType::kSupportedGroups:
    case ExtensionType::kAlpn:
    case ExtensionType::kRecordSizeLimit:
    case ExtensionType::kEarlyData:
      return kAnswered;
    case ExtensionType::kStatusRequest:
      return kHello | kRequest | Bit(Place::kCertificate);
    case ExtensionType::kSignatureAlgorithms:
    case ExtensionType::kSignatureAlgorithmsCert:
    case ExtensionType::kCertificateAuthorities:
      return kHello | kRequest;
    case ExtensionType::kPadding:
    case ExtensionType::kPskKeyExchangeModes:
    case ExtensionType::kPostHandshakeAuth:
      return kHello;
    case ExtensionType::kPreSharedKey:
      return kHello | Bit(Place::kServerHello);
    case ExtensionType::kSupportedVersions:
    case ExtensionType::kKeyShare:
      return kHello | Bit(Place::kServerHello) | Bit(Place::kHelloRetryRequest);
    case ExtensionType::kCookie:
      return kHello | Bit(Place::kHelloRetryRequest);
    case ExtensionType::kOidFilters:
      return kRequest;
  }
  return kAnywhere;
}

bool HasDuplicate(std::span<const Extension> extensions) {
  std::vector<uint16_t> types = TypesOf(extensions);
  std::ranges::sort(types);
  return std::ranges::adjacent_find(types) != types.end();
}

Result<ByteView> OnlyVector(const std::optional<ByteView>& vector,
                            const ByteReader& after) {
  if (!vector || vector->empty() || !after.done()) {
    return DecodeError("extension is not one vector with something in it");
  }
  return *vector;
}

// A vector of one name or more, none empty, each behind its length, which
// `prefixed` reads. Errors: kDecodeError, `malformed` where a name is.
Result<std::vector<Bytes>> ParseNames(
    ByteView data, std::optional<ByteView> (ByteReader::*prefixed)(),
    std::string_view malformed) {
  ASSIGN_OR_RETURN(const ByteView list, ParseVector16(data));
  std::vector<Bytes> names;
  ByteReader reader(list);
  while (!reader.done()) {
    const auto name = (reader.*prefixed)();
    if (!name || name->empty()) {
      return DecodeError(malformed);
    }
    names.emplace_back(name->begin(), name->end());
  }
  return names;
}

// An extension of such names, their lengths of `width` bytes; nothing for none.
void WriteNames(ByteWriter& out, ExtensionType type, std::size_t width,
                std::span<const Bytes> names) {
  if (names.empty()) {
    return;
  }
  WriteExtension(out, type, [&] {
    out.Prefixed(2, [&] {
      for (const Bytes& name : names) {
        out.Prefixed(width, [&] { out.Append(name); });
      }
    });
  });
}

}  // namespace

Result<std::vector<Extension>> ReadExtensions(ByteReader& reader) {
  const auto block = reader.Prefixed16();
  if (!block) {
    return DecodeError("extensions cut short");
  }
  std::vector<Extension> extensions;
  ByteReader rest(*block);
  if (!rest.done()) {
    extensions.reserve(kUsualExtensions);
  }
  while (!rest.done()) {
    const auto type = rest.U16();
    const auto data = rest.Prefixed16();
    if (!type || !data) {
      return DecodeError("extension cut short");
    }
    if (extensions.size() == kMaxExtensions) {
      return Error{Code::kMessageTooLarge, "too many extensions"};
    }
    extensions.push_back({static_cast<ExtensionType>(*type), *data});
  }
  // RFC 8446 section 4.2: "There MUST NOT be more than one extension of the
  // same type in a given extension block."
  if (HasDuplicate(extensions)) {
    return Error{Code::kIllegalParameter, "an extension comes twice"};
  }
  return extensions;
}

Status CheckPlace(std::span<const Extension> extensions, Place place) {
  // RFC 8446 section 4.2: "If an implementation receives an extension which it
  // recognizes and which is not specified for the message in which it appears,
  // it MUST abort the handshake with an "illegal_parameter" alert."
  for (const Extension& extension : extensions) {
    if ((PlacesOf(extension.type) & Bit(place)) == 0) {
      return Error{Code::kIllegalParameter, "extension in the wrong message"};
    }
  }
  return Ok{};
}

const Extension* Find(std::span<const Extension> extensions,
                      ExtensionType type) {
  const auto found = std::ranges::find(extensions, type, &Extension::type);
  return found == extensions.end() ? nullptr : &*found;
}

std::vector<uint16_t> TypesOf(std::span<const Extension> extensions) {
  std::vector<uint16_t> types;
  types.reserve(extensions.size());
  for (const Extension& extension : extensions) {
    types.push_back(static_cast<uint16_t>(extension.type));
  }
  return types;
}

Error DecodeError(std::string_view what) {
  return Error{Code::kDecodeError, what};
}

Status ParseEmpty(ByteView data) {
  if (!data.empty()) {
    return DecodeError("data in an extension that has none");
  }
  return Ok{};
}

Result<uint16_t> ParseNumber(ByteView data) {
  ByteReader reader(data);
  const auto number = reader.U16();
  if (!number || !reader.done()) {
    return DecodeError("extension is not one two-byte number");
  }
  return *number;
}

Result<uint16_t> ParseRecordSizeLimit(ByteView data) {
  ASSIGN_OR_RETURN(const uint16_t limit, ParseNumber(data));
  // RFC 8449 section 4: "An endpoint MUST treat receipt of a smaller value as
  // a fatal error and generate an "illegal_parameter" alert."
  if (limit < kMinRecordSizeLimit) {
    return Error{Code::kIllegalParameter, "record_size_limit below 64"};
  }
  return limit;
}

Result<ByteView> ParseVector16(ByteView data) {
  ByteReader reader(data);
  const auto vector = reader.Prefixed16();
  return OnlyVector(vector, reader);
}

Result<ByteView> ParseVector8(ByteView data) {
  ByteReader reader(data);
  const auto vector = reader.Prefixed8();
  return OnlyVector(vector, reader);
}

Result<std::vector<Bytes>> ParseAlpn(ByteView data) {
  return ParseNames(data, &ByteReader::Prefixed8,
                    "malformed ALPN protocol name");
}

void WriteAlpn(ByteWriter& out, std::span<const Bytes> names) {
  WriteNames(out, ExtensionType::kAlpn, 1, names);
}

Result<std::vector<Bytes>> ParseAuthorities(ByteView data) {
  return ParseNames(data, &ByteReader::Prefixed16,
                    "empty name of an authority, or one cut short");
}

void WriteAuthorities(ByteWriter& out, std::span<const Bytes> names) {
  WriteNames(out, ExtensionType::kCertificateAuthorities, 2, names);
}

}  // namespace ktlsd::handshake
