#include "handshake/codec/testing/sample_messages.h"

#include <utility>

namespace ktlsd::handshake {
namespace {

Random Filled(uint8_t value) {
  Random random;
  random.fill(value);
  return random;
}

void AppendBlock(ByteWriter& out, std::span<const RawExtension> extensions) {
  out.Prefixed(2, [&] {
    for (const RawExtension& extension : extensions) {
      out.U16(extension.type);
      out.Prefixed(2, [&] { out.Append(extension.data); });
    }
  });
}

}  // namespace

ClientHello SampleClientHello() {
  ClientHello hello;
  hello.random = Filled(0x11);
  hello.legacy_session_id = Bytes(32, 0x22);
  hello.cipher_suites = {CipherSuite::kAes128GcmSha256,
                         CipherSuite::kAes256GcmSha384};
  hello.server_name = "nfs.example";
  hello.supported_groups = {NamedGroup::kX25519, NamedGroup::kSecp256r1};
  hello.signature_algorithms = {SignatureScheme::kEcdsaSecp256r1Sha256};
  hello.signature_algorithms_cert = {SignatureScheme::kRsaPkcs1Sha256};
  hello.certificate_authorities = {{0x30, 0x00}, {0x30, 0x01, 0x05}};
  hello.key_shares = {{NamedGroup::kX25519, Bytes(32, 0x33)},
                      {NamedGroup::kSecp256r1, Bytes(65, 0x04)}};
  hello.alpn_protocols = {{'s', 'u', 'n', 'r', 'p', 'c'}, {'h', '2'}};
  hello.cookie = Bytes{1, 2, 3};
  hello.record_size_limit = uint16_t{16385};
  hello.psk_key_exchange_modes = {1};
  hello.early_data = true;
  hello.status_request = true;
  OfferedPsks psks;
  psks.identities = {{Bytes{'i', 'd'}, 0x01020304}, {Bytes{'x'}, 0}};
  psks.binders = {Bytes(32, 0x44), Bytes(48, 0x55)};
  hello.pre_shared_keys = psks;
  return hello;
}

ServerHello SampleServerHello() {
  ServerHello hello;
  hello.random = Filled(0x66);
  hello.legacy_session_id_echo = Bytes(32, 0x22);
  hello.cipher_suite = CipherSuite::kAes256GcmSha384;
  hello.selected_version = kVersionTls13;
  hello.key_share = KeyShareEntry{NamedGroup::kX25519, Bytes(32, 0x77)};
  hello.selected_psk = uint16_t{1};
  return hello;
}

ServerHello SampleHelloRetryRequest() {
  ServerHello hello;
  hello.is_retry = true;
  hello.random = kHelloRetryRequestRandom;
  hello.legacy_session_id_echo = Bytes(32, 0x22);
  hello.cipher_suite = CipherSuite::kAes128GcmSha256;
  hello.selected_version = kVersionTls13;
  hello.key_share = KeyShareEntry{NamedGroup::kSecp384r1, {}};
  hello.cookie = Bytes{9, 8, 7};
  return hello;
}

EncryptedExtensions SampleEncryptedExtensions() {
  EncryptedExtensions extensions;
  extensions.server_name_acknowledged = true;
  extensions.alpn_protocol = Bytes{'s', 'u', 'n', 'r', 'p', 'c'};
  extensions.record_size_limit = uint16_t{4096};
  return extensions;
}

CertificateRequest SampleCertificateRequest() {
  CertificateRequest request;
  request.context = {1};
  request.signature_algorithms = {SignatureScheme::kEd25519,
                                  SignatureScheme::kRsaPssRsaeSha256};
  request.signature_algorithms_cert = {SignatureScheme::kRsaPkcs1Sha384};
  request.certificate_authorities = {Bytes(12, 0x30), {0x31}};
  request.oid_filters = {{{0x06, 0x01, 0x2a}, {0x05, 0x00}},
                         {{0x06, 0x01, 0x2b}, {}}};
  request.status_request = true;
  return request;
}

Certificate SampleCertificate() {
  Certificate certificate;
  certificate.context = {1, 2};
  certificate.entries.push_back({Bytes(300, 0x30), Bytes(20, 0x31), {}});
  certificate.entries.push_back({Bytes(200, 0x32), std::nullopt, {}});
  return certificate;
}

CertificateVerify SampleCertificateVerify() {
  return {SignatureScheme::kRsaPssRsaeSha256, Bytes(256, 0x5a)};
}

Bytes BodyOf(const Result<Bytes>& message) {
  const Bytes& whole = message.value();
  return Bytes(whole.begin() + kHandshakeHeaderSize, whole.end());
}

Bytes RawClientHello(std::span<const RawExtension> extensions,
                     const Bytes& compression) {
  ByteWriter out;
  out.U16(kVersionTls12);
  out.Append(Random{});
  out.Prefixed(1, [] {});
  out.Prefixed(2, [&] { out.U16(0x1301); });
  out.Prefixed(1, [&] { out.Append(compression); });
  AppendBlock(out, extensions);
  return std::move(out).Finish();
}

Bytes RawServerHello(std::span<const RawExtension> extensions,
                     const Random& random, uint8_t compression) {
  ByteWriter out;
  out.U16(kVersionTls12);
  out.Append(random);
  out.Prefixed(1, [] {});
  out.U16(0x1301);
  out.U8(compression);
  AppendBlock(out, extensions);
  return std::move(out).Finish();
}

Bytes RawBlock(std::span<const RawExtension> extensions) {
  ByteWriter out;
  AppendBlock(out, extensions);
  return std::move(out).Finish();
}

Bytes Joined(std::initializer_list<Bytes> parts) {
  Bytes joined;
  for (const Bytes& part : parts) {
    joined.insert(joined.end(), part.begin(), part.end());
  }
  return joined;
}

}  // namespace ktlsd::handshake
