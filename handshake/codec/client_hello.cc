// ClientHello, RFC 8446 section 4.1.2.

#include <algorithm>
#include <span>

#include "handshake/codec/extensions.h"
#include "handshake/codec/messages.h"
#include "handshake/codec/pre_shared_key.h"

namespace ktlsd::handshake {
namespace {

constexpr uint8_t kNullCompression = 0;
constexpr uint8_t kHostName = 0;    // RFC 6066 section 3
constexpr uint8_t kOcspStatus = 1;  // RFC 6066 section 8

// The extensions that may differ in a second ClientHello (section 4.1.2).
bool MayChange(ExtensionType type) {
  return type == ExtensionType::kKeyShare ||
         type == ExtensionType::kEarlyData || type == ExtensionType::kCookie ||
         type == ExtensionType::kPreSharedKey ||
         type == ExtensionType::kPadding;
}

Result<std::string> ParseServerName(ByteView data) {
  ASSIGN_OR_RETURN(const ByteView list, ParseVector16(data));
  ByteReader reader(list);
  const auto type = reader.U8();
  const auto name = reader.Prefixed16();
  if (type != kHostName || !name || name->empty() || !reader.done() ||
      std::ranges::find(*name, 0) != name->end()) {
    return DecodeError("server_name is not one host name");
  }
  return std::string(name->begin(), name->end());
}

bool HasGroupTwice(std::span<const KeyShareEntry> shares) {
  std::vector<NamedGroup> groups;
  groups.reserve(shares.size());
  for (const KeyShareEntry& share : shares) {
    groups.push_back(share.group);
  }
  std::ranges::sort(groups);
  return std::ranges::adjacent_find(groups) != groups.end();
}

Result<std::vector<KeyShareEntry>> ParseKeyShares(ByteView data) {
  ByteReader whole(data);
  const auto list = whole.Prefixed16();
  if (!list || !whole.done()) {
    return DecodeError("malformed key_share");
  }
  std::vector<KeyShareEntry> shares;
  ByteReader reader(*list);
  while (!reader.done()) {
    const auto group = reader.U16();
    const auto share = reader.Prefixed16();
    if (!group || !share || share->empty()) {
      return DecodeError("malformed key_share entry");
    }
    shares.push_back(
        {static_cast<NamedGroup>(*group), Bytes(share->begin(), share->end())});
  }
  // RFC 8446 section 4.2.8: "Clients MUST NOT offer multiple KeyShareEntry
  // values for the same group."
  if (HasGroupTwice(shares)) {
    return Error{Code::kIllegalParameter, "two key shares of one group"};
  }
  return shares;
}

// Whether an OCSP response is asked for; other kinds of status are not known
// to us and ignored.
Result<bool> ParseStatusRequest(ByteView data) {
  ByteReader reader(data);
  const auto type = reader.U8();
  if (!type) {
    return DecodeError("empty status_request");
  }
  if (*type != kOcspStatus) {
    return false;
  }
  const auto responders = reader.Prefixed16();
  const auto extensions = reader.Prefixed16();
  if (!responders || !extensions || !reader.done()) {
    return DecodeError("malformed status_request");
  }
  return true;
}

Result<Bytes> ToBytes(const Result<ByteView>& view) {
  if (!view.ok()) {
    return view.error();
  }
  return Bytes(view->begin(), view->end());
}

Status ParseEarlyData(ByteView data, ClientHello& hello) {
  RETURN_IF_ERROR(ParseEmpty(data));
  hello.early_data = true;
  return Ok{};
}

Status ParseExtension(const Extension& extension, ClientHello& hello) {
  const ByteView data = extension.data;
  switch (extension.type) {
    case ExtensionType::kServerName:
      return Store(ParseServerName(data), hello.server_name);
    case ExtensionType::kStatusRequest:
      return Store(ParseStatusRequest(data), hello.status_request);
    case ExtensionType::kSupportedGroups:
      return Store(ParseNumberList16<NamedGroup>(data), hello.supported_groups);
    case ExtensionType::kSignatureAlgorithms:
      return Store(ParseNumberList16<SignatureScheme>(data),
                   hello.signature_algorithms);
    case ExtensionType::kSignatureAlgorithmsCert:
      return Store(ParseNumberList16<SignatureScheme>(data),
                   hello.signature_algorithms_cert);
    case ExtensionType::kCertificateAuthorities:
      return Store(ParseAuthorities(data), hello.certificate_authorities);
    case ExtensionType::kAlpn:
      return Store(ParseAlpn(data), hello.alpn_protocols);
    case ExtensionType::kRecordSizeLimit:
      return Store(ParseRecordSizeLimit(data), hello.record_size_limit);
    case ExtensionType::kPreSharedKey:
      return Store(ParseOfferedPsks(data), hello.pre_shared_keys);
    case ExtensionType::kEarlyData:
      return ParseEarlyData(data, hello);
    case ExtensionType::kCookie:
      return Store(ToBytes(ParseVector16(data)), hello.cookie);
    case ExtensionType::kPskKeyExchangeModes:
      return Store(ToBytes(ParseVector8(data)), hello.psk_key_exchange_modes);
    case ExtensionType::kKeyShare:
      return Store(ParseKeyShares(data), hello.key_shares);
    case ExtensionType::kSupportedVersions:  // read before all others
    case ExtensionType::kPadding:
    case ExtensionType::kOidFilters:
    case ExtensionType::kPostHandshakeAuth:
      break;
  }
  return Ok{};
}

Result<bool> OffersTls13(std::span<const Extension> extensions) {
  const Extension* const versions =
      Find(extensions, ExtensionType::kSupportedVersions);
  if (versions == nullptr) {
    return false;
  }
  ASSIGN_OR_RETURN(const ByteView list, ParseVector8(versions->data));
  ASSIGN_OR_RETURN(const auto offered, ParseNumbers<uint16_t>(list));
  return std::ranges::find(offered, kVersionTls13) != offered.end();
}

// The fields before the extensions; returns the compression methods.
Result<ByteView> ParseFixedPart(ByteReader& reader, ClientHello& hello) {
  const auto version = reader.U16();
  const auto random = reader.Take(kRandomSize);
  const auto session = reader.Prefixed8();
  const auto suites = reader.Prefixed16();
  const auto compression = reader.Prefixed8();
  if (!version || !random || !session || !suites || !compression) {
    return DecodeError("ClientHello cut short");
  }
  if (session->size() > kMaxSessionId) {
    return DecodeError("session id too long");
  }
  hello.legacy_version = *version;
  std::ranges::copy(*random, hello.random.begin());
  hello.legacy_session_id.assign(session->begin(), session->end());
  RETURN_IF_ERROR(
      Store(ParseNumbers<CipherSuite>(*suites), hello.cipher_suites));
  return *compression;
}

Bytes Unchanging(ByteView fixed_part, std::span<const Extension> extensions) {
  ByteWriter out;
  out.Append(fixed_part);
  for (const Extension& extension : extensions) {
    if (!MayChange(extension.type)) {
      WriteExtension(out, extension.type, [&] { out.Append(extension.data); });
    }
  }
  return std::move(out).Finish();
}

// What holds for a hello that offers TLS 1.3, and only for such a one.
Status ParseTls13(ByteView body, ByteView compression,
                  std::span<const Extension> extensions, ClientHello& hello) {
  // RFC 8446 section 4.1.2: "this vector MUST contain exactly one byte, set to
  // zero".
  if (compression.size() != 1 || compression.front() != kNullCompression) {
    return Error{Code::kIllegalParameter, "compression methods not null"};
  }
  RETURN_IF_ERROR(CheckPlace(extensions, Place::kClientHello));
  const Extension* const psk = Find(extensions, ExtensionType::kPreSharedKey);
  // RFC 8446 section 4.2.11: it "MUST be the last extension in the
  // ClientHello [...] Servers MUST check".
  if (psk != nullptr && psk != &extensions.back()) {
    return Error{Code::kIllegalParameter, "pre_shared_key is not last"};
  }
  for (const Extension& extension : extensions) {
    RETURN_IF_ERROR(ParseExtension(extension, hello));
  }
  if (hello.pre_shared_keys) {
    hello.pre_shared_keys->truncated_size = kHandshakeHeaderSize + body.size() -
                                            BindersSize(*hello.pre_shared_keys);
  }
  return Ok{};
}

void WriteServerName(ByteWriter& out, const std::string& name) {
  WriteExtension(out, ExtensionType::kServerName, [&] {
    out.Prefixed(2, [&] {
      out.U8(kHostName);
      out.Prefixed(2, [&] {
        for (const char c : name) {
          out.U8(static_cast<uint8_t>(c));
        }
      });
    });
  });
}

void WriteStatusRequest(ByteWriter& out) {
  WriteExtension(out, ExtensionType::kStatusRequest, [&] {
    out.U8(kOcspStatus);
    out.U16(0);  // no responder ids
    out.U16(0);  // no extensions of the request
  });
}

void WriteKeyShares(ByteWriter& out, std::span<const KeyShareEntry> shares) {
  WriteExtension(out, ExtensionType::kKeyShare, [&] {
    out.Prefixed(2, [&] {
      for (const KeyShareEntry& share : shares) {
        out.U16(static_cast<uint16_t>(share.group));
        out.Prefixed(2, [&] { out.Append(share.key_exchange); });
      }
    });
  });
}

// The extensions that older versions of TLS have too.
void WriteCommonExtensions(ByteWriter& out, const ClientHello& hello) {
  if (hello.server_name) {
    WriteServerName(out, *hello.server_name);
  }
  WriteNumberList(out, ExtensionType::kSupportedGroups, hello.supported_groups);
  WriteNumberList(out, ExtensionType::kSignatureAlgorithms,
                  hello.signature_algorithms);
  WriteNumberList(out, ExtensionType::kSignatureAlgorithmsCert,
                  hello.signature_algorithms_cert);
  WriteAlpn(out, hello.alpn_protocols);
  if (hello.status_request) {
    WriteStatusRequest(out);
  }
  if (hello.record_size_limit) {
    WriteExtension(out, ExtensionType::kRecordSizeLimit,
                   [&] { out.U16(*hello.record_size_limit); });
  }
}

void WriteTls13Extensions(ByteWriter& out, const ClientHello& hello) {
  WriteExtension(out, ExtensionType::kSupportedVersions,
                 [&] { out.Prefixed(1, [&] { out.U16(kVersionTls13); }); });
  if (hello.cookie) {
    WriteExtension(out, ExtensionType::kCookie, [&] {
      out.Prefixed(2, [&] { out.Append(*hello.cookie); });
    });
  }
  if (!hello.psk_key_exchange_modes.empty()) {
    WriteExtension(out, ExtensionType::kPskKeyExchangeModes, [&] {
      out.Prefixed(1, [&] { out.Append(hello.psk_key_exchange_modes); });
    });
  }
  if (hello.key_shares) {
    WriteKeyShares(out, *hello.key_shares);
  }
  WriteAuthorities(out, hello.certificate_authorities);
  if (hello.early_data) {
    WriteExtension(out, ExtensionType::kEarlyData, [] {});
  }
  if (hello.pre_shared_keys) {
    WriteOfferedPsks(out, *hello.pre_shared_keys);
  }
}

}  // namespace

Result<ClientHello> ParseClientHello(ByteView body) {
  ClientHello hello;
  ByteReader reader(body);
  ASSIGN_OR_RETURN(const ByteView compression, ParseFixedPart(reader, hello));
  const ByteView fixed_part = body.first(body.size() - reader.rest().size());
  std::vector<Extension> extensions;
  if (!reader.done()) {  // before TLS 1.3 a hello may end here
    RETURN_IF_ERROR(Store(ReadExtensions(reader), extensions));
  }
  if (!reader.done()) {
    return DecodeError("bytes behind the ClientHello");
  }
  hello.extension_types = TypesOf(extensions);
  hello.unchanging = Unchanging(fixed_part, extensions);
  RETURN_IF_ERROR(Store(OffersTls13(extensions), hello.offers_tls13));
  if (hello.offers_tls13) {
    RETURN_IF_ERROR(ParseTls13(body, compression, extensions, hello));
  }
  return hello;
}

void Write(ByteWriter& out, const ClientHello& hello) {
  WriteMessage(out, HandshakeType::kClientHello, [&] {
    out.U16(hello.legacy_version);
    out.Append(hello.random);
    out.Prefixed(1, [&] { out.Append(hello.legacy_session_id); });
    out.Prefixed(2, [&] {
      for (const CipherSuite suite : hello.cipher_suites) {
        out.U16(static_cast<uint16_t>(suite));
      }
    });
    out.Prefixed(1, [&] { out.U8(kNullCompression); });
    out.Prefixed(2, [&] {
      WriteCommonExtensions(out, hello);
      WriteTls13Extensions(out, hello);
    });
  });
}

}  // namespace ktlsd::handshake
