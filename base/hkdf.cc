#include "base/hkdf.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>

#include "base/key_access.h"
#include "base/libcrypto.h"
#include "base/secret.h"

namespace ktlsd {
namespace {

constexpr std::size_t kMaxHashSize = 48;
constexpr std::string_view kLabelPrefix = "tls13 ";
// RFC 8446 section 7.1: opaque label<7..255>, context<0..255>.
constexpr std::size_t kMaxLabel = 255 - kLabelPrefix.size();
constexpr std::size_t kMaxContext = 255;
// RFC 5869 section 2.3: what one counter byte can number.
constexpr std::size_t kMaxBlocks = 255;

using MacContext = std::unique_ptr<EVP_MAC_CTX, FnDeleter<EVP_MAC_CTX_free>>;
using Mac = std::unique_ptr<EVP_MAC, FnDeleter<EVP_MAC_free>>;

// An HMAC that knows its hash. It has a key of zeros, for libcrypto cannot
// copy one that has none.
EVP_MAC_CTX* NewKeyedMac(HashAlgorithm algorithm) {
  const Mac hmac(EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr));
  MacContext context(EVP_MAC_CTX_new(hmac.get()));
  const std::array<OSSL_PARAM, 2> params = {
      OSSL_PARAM_construct_utf8_string(
          OSSL_MAC_PARAM_DIGEST, const_cast<char*>(HashName(algorithm)), 0),
      OSSL_PARAM_construct_end()};
  constexpr std::array<uint8_t, kMaxHashSize> kZeros{};
  if (!context || EVP_MAC_init(context.get(), kZeros.data(), kZeros.size(),
                               params.data()) != 1) {
    return nullptr;
  }
  return context.release();
}

// A copy saves the look-up of HMAC and hash, which costs more than the HMAC.
EVP_MAC_CTX* NewMac(HashAlgorithm algorithm) {
  static constinit std::array<FetchedOnce<EVP_MAC_CTX, EVP_MAC_CTX_free>, 2>
      models;
  const EVP_MAC_CTX* model = models[static_cast<std::size_t>(algorithm)].Get(
      [algorithm] { return NewKeyedMac(algorithm); });
  return model == nullptr ? nullptr : EVP_MAC_CTX_dup(model);
}

ByteView AsBytes(std::string_view text) {
  return ByteView(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

// Sets the key of an HMAC; without one, the key that it has again.
bool StartMac(EVP_MAC_CTX* context, ByteView key = {}) {
  return context != nullptr &&
         EVP_MAC_init(context, key.data(), key.size(), nullptr) == 1;
}

// HMAC over the parts, one behind the other, into all of `out`.
bool MacOfParts(EVP_MAC_CTX* context, std::initializer_list<ByteView> parts,
                std::span<uint8_t> out) {
  for (const ByteView part : parts) {
    if (EVP_MAC_update(context, part.data(), part.size()) != 1) {
      return false;
    }
  }
  std::size_t size = 0;
  return EVP_MAC_final(context, out.data(), &size, out.size()) == 1 &&
         size == out.size();
}

Result<HashSecret> MacOnce(HashAlgorithm algorithm, ByteView key,
                           ByteView data) {
  HashSecret mac = HashSecret::Filled(
      KeyAccess(), HashSize(algorithm), [&](std::span<uint8_t> out) {
        const MacContext context(NewMac(algorithm));
        return StartMac(context.get(), key) &&
               MacOfParts(context.get(), {data}, out);
      });
  if (mac.empty()) {
    return CryptoError("HMAC failed");
  }
  return mac;
}

// RFC 5869 section 2.3: T(1) | T(2) | ... where
// T(n) = HMAC(PRK, T(n-1) | info | n) is next_block(T(n-1), n).
template <typename NextBlock>
bool ExpandBlocks(std::size_t block_size, const NextBlock& next_block,
                  std::span<uint8_t> out) {
  HashSecret block;
  for (uint8_t counter = 1; !out.empty(); ++counter) {
    block = HashSecret::Filled(
        KeyAccess(), block_size,
        [&, last = std::move(block)](std::span<uint8_t> next) {
          return next_block(last, counter, next);
        });
    if (block.empty()) {
      return false;
    }
    const std::size_t size = std::min(block.size(), out.size());
    std::ranges::copy(block.Reveal(KeyAccess()).first(size), out.begin());
    out = out.subspan(size);
  }
  return true;
}

}  // namespace

HashAlgorithm HashOf(CipherSuite suite) {
  return suite == CipherSuite::kAes256GcmSha384 ? HashAlgorithm::kSha384
                                                : HashAlgorithm::kSha256;
}

std::size_t HashSize(HashAlgorithm algorithm) {
  return algorithm == HashAlgorithm::kSha384 ? 48 : 32;
}

const char* HashName(HashAlgorithm algorithm) {
  return algorithm == HashAlgorithm::kSha384 ? "SHA2-384" : "SHA2-256";
}

Result<HashSecret> Hmac(HashAlgorithm algorithm, const HashSecret& key,
                        ByteView data) {
  if (key.empty()) {
    return Error{Code::kApiMisuse, "HMAC without a key"};
  }
  return MacOnce(algorithm, key.Reveal(KeyAccess()), data);
}

Result<HashSecret> HkdfExtract(HashAlgorithm algorithm, const HashSecret& salt,
                               ByteView ikm) {
  constexpr std::array<uint8_t, kMaxHashSize> kZeros{};
  const ByteView zeros = ByteView(kZeros).first(HashSize(algorithm));
  return MacOnce(algorithm, salt.empty() ? zeros : salt.Reveal(KeyAccess()),
                 ikm.empty() ? zeros : ikm);
}

void HkdfExpander::Free::operator()(evp_mac_ctx_st* context) const {
  EVP_MAC_CTX_free(context);  // wipes the key
}

Result<HkdfExpander> HkdfExpander::Create(HashAlgorithm algorithm,
                                          const HashSecret& secret) {
  if (secret.size() != HashSize(algorithm)) {
    return Error{Code::kApiMisuse, "a secret of another hash"};
  }
  HkdfExpander expander(algorithm, NewMac(algorithm));
  if (!StartMac(expander.mac_.get(), secret.Reveal(KeyAccess()))) {
    return CryptoError("HMAC failed");
  }
  return expander;
}

Status HkdfExpander::ExpandInto(std::string_view label, ByteView context,
                                std::span<uint8_t> out) {
  const std::size_t block_size = HashSize(algorithm_);
  if (!mac_ || out.empty() || out.size() > kMaxBlocks * block_size ||
      label.size() > kMaxLabel || context.size() > kMaxContext) {
    return Error{Code::kApiMisuse, "HKDF-Expand-Label out of range"};
  }
  // HkdfLabel of RFC 8446 section 7.1, in parts.
  const std::array<uint8_t, 3> head = {
      static_cast<uint8_t>(out.size() >> 8), static_cast<uint8_t>(out.size()),
      static_cast<uint8_t>(kLabelPrefix.size() + label.size())};
  const std::array<uint8_t, 1> context_size = {
      static_cast<uint8_t>(context.size())};
  const auto next_block = [&](const HashSecret& last, uint8_t counter,
                              std::span<uint8_t> next) {
    return StartMac(mac_.get()) &&
           MacOfParts(
               mac_.get(),
               {last.Reveal(KeyAccess()), head, AsBytes(kLabelPrefix),
                AsBytes(label), context_size, context, ByteView(&counter, 1)},
               next);
  };
  if (!ExpandBlocks(block_size, next_block, out)) {
    return CryptoError("HKDF-Expand-Label failed");
  }
  return Ok{};
}

Result<HashSecret> HkdfExpander::Expand(std::string_view label,
                                        ByteView context, std::size_t length) {
  if (length > kMaxHashSize) {
    return Error{Code::kApiMisuse, "HKDF-Expand-Label out of range"};
  }
  Status status = Ok{};
  HashSecret expanded =
      HashSecret::Filled(KeyAccess(), length, [&](std::span<uint8_t> out) {
        status = ExpandInto(label, context, out);
        return status.ok();
      });
  RETURN_IF_ERROR(status);
  return expanded;
}

Result<HashSecret> HkdfExpandLabel(HashAlgorithm algorithm,
                                   const HashSecret& secret,
                                   std::string_view label, ByteView context,
                                   std::size_t length) {
  ASSIGN_OR_RETURN(HkdfExpander expander,
                   HkdfExpander::Create(algorithm, secret));
  return expander.Expand(label, context, length);
}

Status HkdfExpandLabelInto(HashAlgorithm algorithm, const HashSecret& secret,
                           std::string_view label, ByteView context,
                           std::span<uint8_t> out) {
  ASSIGN_OR_RETURN(HkdfExpander expander,
                   HkdfExpander::Create(algorithm, secret));
  return expander.ExpandInto(label, context, out);
}

}  // namespace ktlsd
