// The handshake messages of TLS 1.3 (RFC 8446 section 4): bytes to structs and
// back.
//
// Scope:     syntax only. A parser accepts exactly what the RFC's grammar
//            allows, with no byte left over and no extension twice; what the
//            values mean is decided by the states. Parsers own what they
//            return. Unknown extensions are kept as types only.
// Layer:     handshake/codec, over base/bytes.h.
// Threads:   pure functions.
// Errors:    kDecodeError      the grammar is broken (truncated, left over,
//                              empty where the RFC wants one or more)
//            kIllegalParameter a duplicate extension, pre_shared_key not
//                              last, a compression method other than null
//            kMessageTooLarge  more than kMaxExtensions in one block
//            others as named at each parser
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

struct KeyShareEntry {
  NamedGroup group;
  Bytes key_exchange;
};

// RFC 8446 section 4.2.11.
struct PskIdentity {
  Bytes identity;
  uint32_t obfuscated_ticket_age = 0;
};

struct OfferedPsks {
  std::vector<PskIdentity> identities;
  std::vector<Bytes> binders;
  // Bytes of the message, header included, that a binder covers: all up to
  // and not including the binders list (section 4.2.11.2).
  std::size_t truncated_size = 0;
};

// Bytes of the list of binders, its length field included: it ends a
// ClientHello that offers `psks`.
std::size_t BindersSize(const OfferedPsks& psks);

// RFC 8446 section 4.2.5: a certificate extension, and what must be in it.
struct OidFilter {
  Bytes oid;     // DER, with tag and length
  Bytes values;  // DER of the extension's value; empty: none are asked for
};

// What the certificate of who answers is to be like, in a ClientHello or a
// CertificateRequest.
struct CertificateWishes {
  std::vector<SignatureScheme> signature_algorithms = {};
  // Empty: signature_algorithms stands for it (section 4.2.3).
  std::vector<SignatureScheme> signature_algorithms_cert = {};
  std::vector<Bytes> certificate_authorities = {};  // DER names; empty: any
  // Each OID once; in a CertificateRequest only.
  std::vector<OidFilter> oid_filters = {};
};

// RFC 8446 section 4.1.2. In a parsed hello `offers_tls13` tells whether
// supported_versions lists 0x0304; a hello without it parses all the same, so
// that the server can answer protocol_version.
struct ClientHello : CertificateWishes {
  uint16_t legacy_version = kVersionTls12;
  Random random{};
  Bytes legacy_session_id;
  std::vector<CipherSuite> cipher_suites;
  bool offers_tls13 = true;
  std::optional<std::string> server_name;  // host_name, as sent
  std::vector<NamedGroup> supported_groups;
  std::optional<std::vector<KeyShareEntry>> key_shares;  // may be empty
  std::vector<Bytes> alpn_protocols;
  std::optional<Bytes> cookie;
  std::optional<uint16_t> record_size_limit;
  std::vector<uint8_t> psk_key_exchange_modes;
  std::optional<OfferedPsks> pre_shared_keys;
  bool early_data = false;
  bool status_request = false;
  // Parsed hellos only: every extension type in the order sent, and all the
  // bytes that a second hello after HelloRetryRequest must repeat (section
  // 4.1.2): the whole body but key_share, early_data, cookie, pre_shared_key
  // and padding.
  std::vector<uint16_t> extension_types;
  Bytes unchanging;
};

// The offer of a hello that is known to have one: the states that handle PSKs
// are only made for such.
inline const OfferedPsks& PsksOf(const ClientHello& hello) {
  return *hello.pre_shared_keys;  // NOLINT(bugprone-unchecked-optional-access)
}
inline OfferedPsks& PsksOf(ClientHello& hello) {
  return *hello.pre_shared_keys;  // NOLINT(bugprone-unchecked-optional-access)
}

// RFC 8446 section 4.1.3, and HelloRetryRequest (4.1.4), which is a
// ServerHello with a fixed random: is_retry tells, and then key_share holds
// only the group (key_exchange empty), and cookie may be set.
struct ServerHello {
  bool is_retry = false;
  uint16_t legacy_version = kVersionTls12;
  Random random{};
  Bytes legacy_session_id_echo;
  CipherSuite cipher_suite{};
  std::optional<uint16_t> selected_version;  // supported_versions
  std::optional<KeyShareEntry> key_share;
  std::optional<Bytes> cookie;
  std::optional<uint16_t> selected_psk;
  std::vector<uint16_t> extension_types;  // parsed only; in the order sent
};

// RFC 8446 section 4.3.1.
struct EncryptedExtensions {
  bool server_name_acknowledged = false;
  std::optional<Bytes> alpn_protocol;
  std::optional<uint16_t> record_size_limit;
  std::vector<uint16_t> extension_types;  // parsed only
};

// RFC 8446 section 4.3.2.
struct CertificateRequest : CertificateWishes {
  Bytes context;
  bool status_request = false;
};

// RFC 8446 section 4.4.2. DER, end entity first.
struct CertificateEntry {
  Bytes der;
  std::optional<Bytes> ocsp_response;
  std::vector<uint16_t> extension_types;  // parsed only
};

struct Certificate {
  Bytes context;
  std::vector<CertificateEntry> entries;
};

// RFC 8446 section 4.4.3.
struct CertificateVerify {
  SignatureScheme scheme{};
  Bytes signature;
};

// These append the whole message with its 4-byte handshake header. A field that
// is too long for its length prefix makes `out` fail.
void Write(ByteWriter& out, const ClientHello& hello);
void Write(ByteWriter& out, const ServerHello& hello);
void Write(ByteWriter& out, const EncryptedExtensions& extensions);
void Write(ByteWriter& out, const CertificateRequest& request);
void Write(ByteWriter& out, const Certificate& certificate);
void Write(ByteWriter& out, const CertificateVerify& verify);
// A Certificate with `chain` and, for its end entity, `ocsp_response` unless
// null.
void WriteCertificate(ByteWriter& out, std::span<const Bytes> chain,
                      const Bytes* ocsp_response);
void WriteCertificateVerify(ByteWriter& out, SignatureScheme scheme,
                            ByteView signature);
void WriteFinished(ByteWriter& out, ByteView verify_data);

// The error of a writer that failed.
inline Error FieldTooLong() {
  return Error{Code::kInternal, "a field is too long for its length"};
}

// The message alone. Errors: FieldTooLong().
template <typename Message>
Result<Bytes> Serialize(const Message& message) {
  ByteWriter out;
  Write(out, message);
  if (!out.ok()) {
    return FieldTooLong();
  }
  return std::move(out).Finish();
}

// Parsers take the body, without the handshake header.
Result<ClientHello> ParseClientHello(ByteView body);
Result<ServerHello> ParseServerHello(ByteView body);
Result<EncryptedExtensions> ParseEncryptedExtensions(ByteView body);
Result<CertificateRequest> ParseCertificateRequest(ByteView body);
// kCertificateChainTooLong beyond kMaxChainLength entries.
Result<Certificate> ParseCertificate(ByteView body);
Result<CertificateVerify> ParseCertificateVerify(ByteView body);

}  // namespace ktlsd::handshake
