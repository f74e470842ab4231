#include "handshake/certificate_choice.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error_codes.h"
#include "base/libcrypto.h"
#include "handshake/chain_facts.h"
#include "handshake/x509/extension_values.h"

namespace ktlsd::handshake {
namespace {

// id-ce-keyUsage and id-ce-extKeyUsage, DER with tag and length.
constexpr std::array<uint8_t, 5> kKeyUsageOid = {0x06, 0x03, 0x55, 0x1d, 0x0f};
constexpr std::array<uint8_t, 5> kPurposesOid = {0x06, 0x03, 0x55, 0x1d, 0x25};

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

bool SignaturesFit(const ChainFacts& facts, const CertificateWishes& wishes) {
  const auto& taken = wishes.signature_algorithms_cert.empty()
                          ? wishes.signature_algorithms
                          : wishes.signature_algorithms_cert;
  return std::ranges::all_of(facts.signatures, [&](SignatureScheme made) {
    return made != SignatureScheme{} &&
           std::ranges::find(taken, made, WithoutKindOfKey) != taken.end();
  });
}

bool AuthoritiesFit(const ChainFacts& facts, const CertificateWishes& wishes) {
  return wishes.certificate_authorities.empty() ||
         std::ranges::find_first_of(facts.issuers,
                                    wishes.certificate_authorities) !=
             facts.issuers.end();
}

// How well a candidate suits; nothing when it must not be shown.
std::optional<int> Rank(const ChainFacts& facts,
                        const CertificateWishes& wishes, const Filters& filters,
                        Role signer) {
  const bool signatures = SignaturesFit(facts, wishes);
  const bool authorities = AuthoritiesFit(facts, wishes);
  if (signer == Role::kClient &&
      !(signatures && authorities && Passes(facts, filters))) {
    return std::nullopt;
  }
  return (signatures ? 2 : 0) + (authorities ? 1 : 0);
}

}  // namespace

Result<std::optional<SigningChoice>> ChooseCertificate(
    const LocalCertificates& candidates, const CertificateWishes& wishes,
    Role signer) {
  Filters filters;
  for (const OidFilter& filter : wishes.oid_filters) {
    RETURN_IF_ERROR(ReadFilter(filter, filters));
  }
  std::optional<SigningChoice> best;
  int best_rank = -1;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const LocalCertificate& candidate = *candidates[i];
    const auto scheme = std::ranges::find_first_of(candidate.schemes,
                                                   wishes.signature_algorithms);
    const auto rank = Rank(candidate.facts, wishes, filters, signer);
    if (scheme != candidate.schemes.end() && rank && *rank > best_rank) {
      best = SigningChoice{i, *scheme};
      best_rank = *rank;
    }
  }
  return best;
}

}  // namespace ktlsd::handshake
