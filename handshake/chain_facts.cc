#include "handshake/chain_facts.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error_codes.h"
#include "base/libcrypto.h"
#include "handshake/x509/certificate.h"
#include "handshake/x509/extension_values.h"
#include "handshake/x509/handles.h"

namespace ktlsd::handshake {
namespace {

struct SignatureRow {
  int nid;
  SignatureScheme scheme;
};
constexpr std::array<SignatureRow, 8> kSignatures = {{
    {NID_sha256WithRSAEncryption, SignatureScheme::kRsaPkcs1Sha256},
    {NID_sha384WithRSAEncryption, SignatureScheme::kRsaPkcs1Sha384},
    {NID_sha512WithRSAEncryption, SignatureScheme::kRsaPkcs1Sha512},
    {NID_ecdsa_with_SHA256, SignatureScheme::kEcdsaSecp256r1Sha256},
    {NID_ecdsa_with_SHA384, SignatureScheme::kEcdsaSecp384r1Sha384},
    {NID_ecdsa_with_SHA512, SignatureScheme::kEcdsaSecp521r1Sha512},
    {NID_ED25519, SignatureScheme::kEd25519},
    {NID_ED448, SignatureScheme::kEd448},
}};
constexpr std::array<SignatureRow, 3> kPssDigests = {{
    {NID_sha256, SignatureScheme::kRsaPssRsaeSha256},
    {NID_sha384, SignatureScheme::kRsaPssRsaeSha384},
    {NID_sha512, SignatureScheme::kRsaPssRsaeSha512},
}};

// FIPS 204, by OID: the headers of OpenSSL 3.0 have no NID for them, and the
// library that runs may be newer; only one that knows them can verify them. DER
// without tag and length but for the last byte, which is the row's.
constexpr std::array<uint8_t, 8> kMlDsaOid = {0x60, 0x86, 0x48, 0x01,
                                              0x65, 0x03, 0x04, 0x03};
constexpr std::array<SignatureRow, 3> kMlDsa = {{
    {0x11, SignatureScheme::kMlDsa44},
    {0x12, SignatureScheme::kMlDsa65},
    {0x13, SignatureScheme::kMlDsa87},
}};

SignatureScheme SchemeOf(std::span<const SignatureRow> rows, int nid) {
  const auto row = std::ranges::find(rows, nid, &SignatureRow::nid);
  return row == rows.end() ? SignatureScheme{} : row->scheme;
}

SignatureScheme MlDsaOf(const X509* certificate) {
  const X509_ALGOR* algorithm = nullptr;
  X509_get0_signature(nullptr, &algorithm, certificate);
  const ASN1_OBJECT* oid = nullptr;
  X509_ALGOR_get0(&oid, nullptr, nullptr, algorithm);
  const ByteView der(OBJ_get0_data(oid), OBJ_length(oid));
  const bool family = der.size() == kMlDsaOid.size() + 1 &&
                      SameBytes(der.first(kMlDsaOid.size()), kMlDsaOid);
  return family ? SchemeOf(kMlDsa, der.back()) : SignatureScheme{};
}

SignatureScheme SignatureOf(X509* certificate) {
  const int algorithm = X509_get_signature_nid(certificate);
  if (algorithm == NID_undef) {
    return SignatureScheme{};
  }
  if (algorithm != NID_rsassaPss) {
    const SignatureScheme made = SchemeOf(kSignatures, algorithm);
    return made != SignatureScheme{} ? made : MlDsaOf(certificate);
  }
  int digest = NID_undef;
  const int known =
      X509_get_signature_info(certificate, &digest, nullptr, nullptr, nullptr);
  ERR_clear_error();
  return known == 1 ? SchemeOf(kPssDigests, digest) : SignatureScheme{};
}

Status DescribeUsage(const X509* end_entity, ChainFacts& facts) {
  constexpr Error kMalformed = {
      Code::kCertificateUnusable,
      "an extension of our certificate does not parse"};
  ASSIGN_OR_RETURN(
      const BitStringPtr bits,
      ReadExtension<BitStringPtr>(end_entity, NID_key_usage, kMalformed));
  ASSIGN_OR_RETURN(
      const UsagesPtr usages,
      ReadExtension<UsagesPtr>(end_entity, NID_ext_key_usage, kMalformed));
  if (bits) {
    facts.key_usage = BitsOf(bits.get());
  }
  if (usages) {
    facts.purposes = OidsOf(usages.get());
  }
  return Ok{};
}

Result<Bytes> IssuerOf(const X509* certificate) {
  const unsigned char* der = nullptr;
  std::size_t size = 0;
  if (X509_NAME_get0_der(X509_get_issuer_name(certificate), &der, &size) != 1) {
    return CryptoError("cannot read an issuer's name");
  }
  return Bytes(der, der + size);
}

}  // namespace

Result<ChainFacts> DescribeChain(std::span<const Bytes> chain) {
  if (chain.empty()) {
    return Error{Code::kCertificateUnusable, "no certificate"};
  }
  ChainFacts facts;
  for (const Bytes& der : chain) {
    const auto certificate = ParseDerCertificate(der);
    if (!certificate.ok()) {
      return Error{Code::kCertificateUnusable,
                   "a certificate of ours does not parse"};
    }
    X509* const raw = certificate->get();
    if (facts.issuers.empty()) {
      RETURN_IF_ERROR(DescribeUsage(raw, facts));
    }
    ASSIGN_OR_RETURN(Bytes issuer, IssuerOf(raw));
    facts.issuers.push_back(std::move(issuer));
    if (X509_self_signed(raw, 0) != 1) {
      facts.signatures.push_back(SignatureOf(raw));
    }
    ERR_clear_error();
  }
  return facts;
}

}  // namespace ktlsd::handshake
