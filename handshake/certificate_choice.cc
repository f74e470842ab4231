#include "handshake/certificate_choice.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <utility>

#include "base/error_codes.h"
#include "base/libcrypto.h"
#include "handshake/x509/certificate.h"
#include "handshake/x509/handles.h"

namespace ktlsd::handshake {
namespace {

inline void FreeUsages(EXTENDED_KEY_USAGE* usages) {
  EXTENDED_KEY_USAGE_free(usages);
}
using UsagesPtr = std::unique_ptr<EXTENDED_KEY_USAGE, FnDeleter<FreeUsages>>;
using BitStringPtr =
    std::unique_ptr<ASN1_BIT_STRING, FnDeleter<ASN1_BIT_STRING_free>>;

// id-ce-keyUsage and id-ce-extKeyUsage, DER with tag and length.
constexpr std::array<uint8_t, 5> kKeyUsageOid = {0x06, 0x03, 0x55, 0x1d, 0x0f};
constexpr std::array<uint8_t, 5> kPurposesOid = {0x06, 0x03, 0x55, 0x1d, 0x25};

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

SignatureScheme SchemeOf(std::span<const SignatureRow> rows, int nid) {
  const auto row = std::ranges::find(rows, nid, &SignatureRow::nid);
  return row == rows.end() ? SignatureScheme{} : row->scheme;
}

SignatureScheme SignatureOf(X509* certificate) {
  const int algorithm = X509_get_signature_nid(certificate);
  if (algorithm != NID_rsassaPss) {
    return SchemeOf(kSignatures, algorithm);
  }
  int digest = NID_undef;
  const int known =
      X509_get_signature_info(certificate, &digest, nullptr, nullptr, nullptr);
  ERR_clear_error();
  return known == 1 ? SchemeOf(kPssDigests, digest) : SignatureScheme{};
}

Bytes BitsOf(const ASN1_BIT_STRING* string) {
  const unsigned char* const data = ASN1_STRING_get0_data(string);
  return {data, data + ASN1_STRING_length(string)};
}

std::vector<Bytes> OidsOf(const EXTENDED_KEY_USAGE* usages) {
  std::vector<Bytes> oids;
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages); ++i) {
    const ASN1_OBJECT* const oid = sk_ASN1_OBJECT_value(usages, i);
    const unsigned char* const data = OBJ_get0_data(oid);
    oids.emplace_back(data, data + OBJ_length(oid));
  }
  return oids;
}

// The extension `nid`, or null; libcrypto says in `critical` whether it is
// absent (-1).
template <typename Pointer>
Result<Pointer> ReadUsage(const X509* certificate, int nid) {
  int critical = 0;
  Pointer value(static_cast<typename Pointer::pointer>(
      X509_get_ext_d2i(certificate, nid, &critical, nullptr)));
  ERR_clear_error();
  constexpr int kAbsent = -1;
  if (!value && critical != kAbsent) {
    return Error{Code::kCertificateUnusable,
                 "an extension of our certificate does not parse"};
  }
  return value;
}

Status DescribeUsage(const X509* end_entity, ChainFacts& facts) {
  ASSIGN_OR_RETURN(const BitStringPtr bits,
                   ReadUsage<BitStringPtr>(end_entity, NID_key_usage));
  ASSIGN_OR_RETURN(const UsagesPtr usages,
                   ReadUsage<UsagesPtr>(end_entity, NID_ext_key_usage));
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

// The filters that we heed.
struct Filters {
  std::optional<Bytes> key_usage;
  std::optional<std::vector<Bytes>> purposes;
};

// All of `der` as `Pointer`'s type, or null.
template <typename Pointer, auto kParse>
Pointer ParseAll(ByteView der) {
  const unsigned char* next = der.data();
  Pointer value(kParse(nullptr, &next, static_cast<long>(der.size())));
  ERR_clear_error();
  return next == der.data() + der.size() ? std::move(value) : nullptr;
}

Status ReadFilter(const OidFilter& filter, Filters& out) {
  // With no values nothing is asked for (RFC 8446 section 4.2.5).
  if (filter.values.empty()) {
    return Ok{};
  }
  if (SameBytes(filter.oid, kKeyUsageOid)) {
    const auto bits =
        ParseAll<BitStringPtr, d2i_ASN1_BIT_STRING>(filter.values);
    if (!bits) {
      return Error{Code::kDecodeError, "a keyUsage filter does not parse"};
    }
    out.key_usage = BitsOf(bits.get());
  } else if (SameBytes(filter.oid, kPurposesOid)) {
    const auto usages =
        ParseAll<UsagesPtr, d2i_EXTENDED_KEY_USAGE>(filter.values);
    if (!usages) {
      return Error{Code::kDecodeError,
                   "an extendedKeyUsage filter does not parse"};
    }
    out.purposes = OidsOf(usages.get());
  }
  return Ok{};
}

bool HasBits(const Bytes& bits, const Bytes& asked) {
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const uint8_t have = i < bits.size() ? bits[i] : 0;
    if ((asked[i] & ~have) != 0) {
      return false;
    }
  }
  return true;
}

bool Passes(const ChainFacts& facts, const Filters& filters) {
  const bool bits =
      !filters.key_usage ||
      (facts.key_usage && HasBits(*facts.key_usage, *filters.key_usage));
  const bool purposes =
      !filters.purposes ||
      (facts.purposes &&
       std::ranges::all_of(*filters.purposes, [&](const Bytes& oid) {
         return std::ranges::find(*facts.purposes, oid) !=
                facts.purposes->end();
       }));
  return bits && purposes;
}

SignatureScheme WithoutKindOfKey(SignatureScheme scheme) {
  switch (scheme) {
    case SignatureScheme::kRsaPssPssSha256:
      return SignatureScheme::kRsaPssRsaeSha256;
    case SignatureScheme::kRsaPssPssSha384:
      return SignatureScheme::kRsaPssRsaeSha384;
    case SignatureScheme::kRsaPssPssSha512:
      return SignatureScheme::kRsaPssRsaeSha512;
    default:
      return scheme;
  }
}

bool SignaturesFit(const ChainFacts& facts, const PeerWishes& wishes) {
  const auto& taken = wishes.signature_algorithms_cert.empty()
                          ? wishes.signature_algorithms
                          : wishes.signature_algorithms_cert;
  return std::ranges::all_of(facts.signatures, [&](SignatureScheme made) {
    return made != SignatureScheme{} &&
           std::ranges::find(taken, made, WithoutKindOfKey) != taken.end();
  });
}

bool AuthoritiesFit(const ChainFacts& facts, const PeerWishes& wishes) {
  return wishes.certificate_authorities.empty() ||
         std::ranges::find_first_of(facts.issuers,
                                    wishes.certificate_authorities) !=
             facts.issuers.end();
}

// How well a candidate suits; nothing when it must not be shown.
std::optional<int> Rank(const ChainFacts& facts, const PeerWishes& wishes,
                        const Filters& filters, Role signer) {
  const bool signatures = SignaturesFit(facts, wishes);
  const bool authorities = AuthoritiesFit(facts, wishes);
  if (signer == Role::kClient &&
      !(signatures && authorities && Passes(facts, filters))) {
    return std::nullopt;
  }
  return (signatures ? 2 : 0) + (authorities ? 1 : 0);
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

Result<std::optional<CertificateChoice>> ChooseCertificate(
    std::span<const CertificateCandidate> candidates, const PeerWishes& wishes,
    Role signer) {
  Filters filters;
  for (const OidFilter& filter : wishes.oid_filters) {
    RETURN_IF_ERROR(ReadFilter(filter, filters));
  }
  std::optional<CertificateChoice> best;
  int best_rank = -1;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto scheme = std::ranges::find_first_of(candidates[i].schemes,
                                                   wishes.signature_algorithms);
    const auto rank = Rank(candidates[i].facts, wishes, filters, signer);
    if (scheme != candidates[i].schemes.end() && rank && *rank > best_rank) {
      best = CertificateChoice{i, *scheme};
      best_rank = *rank;
    }
  }
  return best;
}

}  // namespace ktlsd::handshake
