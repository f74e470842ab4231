// CertificateRequest, Certificate, CertificateVerify and Finished, RFC 8446
// sections 4.3.2 and 4.4.

#include <algorithm>
#include <iterator>
#include <span>

#include "handshake/codec/extensions.h"
#include "handshake/codec/messages.h"

namespace ktlsd::handshake {
namespace {

constexpr uint8_t kOcspStatus = 1;  // RFC 6066 section 8

// RFC 8446 section 4.2.5. The list may be empty.
Result<std::vector<OidFilter>> ParseOidFilters(ByteView data) {
  ByteReader outer(data);
  const auto list = outer.Prefixed16();
  if (!list || !outer.done()) {
    return DecodeError("malformed list of OID filters");
  }
  std::vector<OidFilter> filters;
  ByteReader reader(*list);
  while (!reader.done()) {
    const auto oid = reader.Prefixed8();
    const auto values = reader.Prefixed16();
    if (!oid || oid->empty() || !values) {
      return DecodeError("OID filter without OID, or cut short");
    }
    filters.push_back({Bytes(oid->begin(), oid->end()),
                       Bytes(values->begin(), values->end())});
  }
  std::vector<Bytes> oids;
  std::ranges::transform(filters, std::back_inserter(oids), &OidFilter::oid);
  std::ranges::sort(oids);
  // "Any given OID MUST NOT appear more than once in the filters list."
  if (std::ranges::adjacent_find(oids) != oids.end()) {
    return Error{Code::kIllegalParameter, "two filters for one OID"};
  }
  return filters;
}

Status ParseExtension(const Extension& extension, CertificateRequest& out) {
  const ByteView data = extension.data;
  if (extension.type == ExtensionType::kSignatureAlgorithms) {
    return Store(ParseNumberList16<SignatureScheme>(data),
                 out.signature_algorithms);
  }
  if (extension.type == ExtensionType::kSignatureAlgorithmsCert) {
    return Store(ParseNumberList16<SignatureScheme>(data),
                 out.signature_algorithms_cert);
  }
  if (extension.type == ExtensionType::kCertificateAuthorities) {
    return Store(ParseAuthorities(data), out.certificate_authorities);
  }
  if (extension.type == ExtensionType::kOidFilters) {
    return Store(ParseOidFilters(data), out.oid_filters);
  }
  if (extension.type == ExtensionType::kStatusRequest) {
    // RFC 8446 section 4.4.2.1: 'an empty "status_request" extension in its
    // CertificateRequest message'.
    out.status_request = true;
    return ParseEmpty(data);
  }
  return Ok{};
}

// CertificateStatus, RFC 6066 section 8.
Result<Bytes> ParseCertificateStatus(ByteView data) {
  ByteReader reader(data);
  const auto type = reader.U8();
  const auto response = reader.Prefixed24();
  if (type != kOcspStatus || !response || response->empty() || !reader.done()) {
    return DecodeError("malformed certificate status");
  }
  return Bytes(response->begin(), response->end());
}

Result<CertificateEntry> ParseEntry(ByteReader& reader) {
  const auto der = reader.Prefixed24();
  if (!der || der->empty()) {
    return DecodeError("empty certificate, or one cut short");
  }
  ASSIGN_OR_RETURN(const auto extensions, ReadExtensions(reader));
  RETURN_IF_ERROR(CheckPlace(extensions, Place::kCertificate));
  CertificateEntry entry;
  entry.der.assign(der->begin(), der->end());
  entry.extension_types = TypesOf(extensions);
  if (const Extension* status =
          Find(extensions, ExtensionType::kStatusRequest)) {
    RETURN_IF_ERROR(
        Store(ParseCertificateStatus(status->data), entry.ocsp_response));
  }
  return entry;
}

void WriteOidFilters(ByteWriter& out, const std::vector<OidFilter>& filters) {
  if (filters.empty()) {
    return;
  }
  WriteExtension(out, ExtensionType::kOidFilters, [&] {
    out.Prefixed(2, [&] {
      for (const OidFilter& filter : filters) {
        out.Prefixed(1, [&] { out.Append(filter.oid); });
        out.Prefixed(2, [&] { out.Append(filter.values); });
      }
    });
  });
}

void WriteEntry(ByteWriter& out, ByteView der, const Bytes* ocsp_response) {
  out.Prefixed(3, [&] { out.Append(der); });
  out.Prefixed(2, [&] {
    if (ocsp_response != nullptr) {
      WriteExtension(out, ExtensionType::kStatusRequest, [&] {
        out.U8(kOcspStatus);
        out.Prefixed(3, [&] { out.Append(*ocsp_response); });
      });
    }
  });
}

}  // namespace

Result<CertificateRequest> ParseCertificateRequest(ByteView body) {
  CertificateRequest request;
  ByteReader reader(body);
  const auto context = reader.Prefixed8();
  if (!context) {
    return DecodeError("CertificateRequest cut short");
  }
  ASSIGN_OR_RETURN(const auto extensions, ReadExtensions(reader));
  if (!reader.done()) {
    return DecodeError("bytes behind the CertificateRequest");
  }
  RETURN_IF_ERROR(CheckPlace(extensions, Place::kCertificateRequest));
  for (const Extension& extension : extensions) {
    RETURN_IF_ERROR(ParseExtension(extension, request));
  }
  // RFC 8446 section 4.3.2: 'The "signature_algorithms" extension MUST be
  // specified'.
  if (request.signature_algorithms.empty()) {
    return Error{Code::kMissingExtension, "no signature_algorithms"};
  }
  request.context.assign(context->begin(), context->end());
  return request;
}

Result<Certificate> ParseCertificate(ByteView body) {
  Certificate certificate;
  ByteReader reader(body);
  const auto context = reader.Prefixed8();
  const auto list = reader.Prefixed24();
  if (!context || !list || !reader.done()) {
    return DecodeError("malformed Certificate");
  }
  certificate.context.assign(context->begin(), context->end());
  ByteReader entries(*list);
  while (!entries.done()) {
    if (certificate.entries.size() == kMaxChainLength) {
      return Error{Code::kCertificateChainTooLong, "chain too long"};
    }
    ASSIGN_OR_RETURN(auto entry, ParseEntry(entries));
    certificate.entries.push_back(std::move(entry));
  }
  return certificate;
}

Result<CertificateVerify> ParseCertificateVerify(ByteView body) {
  ByteReader reader(body);
  const auto scheme = reader.U16();
  const auto signature = reader.Prefixed16();
  if (!scheme || !signature || !reader.done()) {
    return DecodeError("malformed CertificateVerify");
  }
  return CertificateVerify{static_cast<SignatureScheme>(*scheme),
                           Bytes(signature->begin(), signature->end())};
}

void Write(ByteWriter& out, const CertificateRequest& request) {
  WriteMessage(out, HandshakeType::kCertificateRequest, [&] {
    out.Prefixed(1, [&] { out.Append(request.context); });
    out.Prefixed(2, [&] {
      WriteNumberList(out, ExtensionType::kSignatureAlgorithms,
                      request.signature_algorithms);
      WriteNumberList(out, ExtensionType::kSignatureAlgorithmsCert,
                      request.signature_algorithms_cert);
      WriteAuthorities(out, request.certificate_authorities);
      WriteOidFilters(out, request.oid_filters);
      if (request.status_request) {
        WriteExtension(out, ExtensionType::kStatusRequest, [] {});
      }
    });
  });
}

void Write(ByteWriter& out, const Certificate& certificate) {
  WriteMessage(out, HandshakeType::kCertificate, [&] {
    out.Prefixed(1, [&] { out.Append(certificate.context); });
    out.Prefixed(3, [&] {
      for (const CertificateEntry& entry : certificate.entries) {
        WriteEntry(out, entry.der,
                   entry.ocsp_response ? &*entry.ocsp_response : nullptr);
      }
    });
  });
}

void Write(ByteWriter& out, const CertificateVerify& verify) {
  WriteCertificateVerify(out, verify.scheme, verify.signature);
}

void WriteCertificate(ByteWriter& out, std::span<const Bytes> chain,
                      const Bytes* ocsp_response) {
  WriteMessage(out, HandshakeType::kCertificate, [&] {
    out.Prefixed(1, [] {});  // no context
    out.Prefixed(3, [&] {
      for (const Bytes& der : chain) {
        WriteEntry(out, der, &der == &chain.front() ? ocsp_response : nullptr);
      }
    });
  });
}

void WriteCertificateVerify(ByteWriter& out, SignatureScheme scheme,
                            ByteView signature) {
  WriteMessage(out, HandshakeType::kCertificateVerify, [&] {
    out.U16(static_cast<uint16_t>(scheme));
    out.Prefixed(2, [&] { out.Append(signature); });
  });
}

void WriteFinished(ByteWriter& out, ByteView verify_data) {
  WriteMessage(out, HandshakeType::kFinished, [&] { out.Append(verify_data); });
}

}  // namespace ktlsd::handshake
