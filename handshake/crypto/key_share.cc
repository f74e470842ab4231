#include "handshake/crypto/key_share.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "base/key_access.h"
#include "base/libcrypto.h"
#include "handshake/crypto/ecdh.h"
#include "handshake/crypto/ml_kem.h"
#include "handshake/crypto/pkey.h"

namespace ktlsd::handshake {
namespace {

enum class Order : uint8_t { kCurveFirst, kKemFirst };

struct GroupTraits {
  NamedGroup group;
  const Curve* curve;
  const MlKem* kem = nullptr;  // null: not a hybrid
  Order order = Order::kCurveFirst;
};

// Best first. The order within a hybrid, the same in both shares and the
// secret, is its own (draft-ietf-tls-ecdhe-mlkem section 4).
constexpr std::array<GroupTraits, 7> kGroups = {{
    {NamedGroup::kX25519MlKem768, &kCurveX25519, &kMlKem768, Order::kKemFirst},
    {NamedGroup::kSecP256r1MlKem768, &kCurveP256, &kMlKem768},
    {NamedGroup::kSecP384r1MlKem1024, &kCurveP384, &kMlKem1024},
    {NamedGroup::kX25519, &kCurveX25519},
    {NamedGroup::kSecp256r1, &kCurveP256},
    {NamedGroup::kSecp384r1, &kCurveP384},
    {NamedGroup::kSecp521r1, &kCurveP521},
}};

const GroupTraits* TraitsOf(NamedGroup group) {
  const auto row = std::ranges::find(kGroups, group, &GroupTraits::group);
  return row == kGroups.end() ? nullptr : &*row;
}

struct SecretSizes {
  std::size_t kem;
  std::size_t all;
};

SecretSizes SizesOf(const GroupTraits& traits) {
  const std::size_t kem = traits.kem == nullptr ? 0 : kMlKemSecretSize;
  return {kem, traits.curve->secret_size + kem};
}

// What a hybrid's share or secret is made of.
template <typename Part>
struct Halves {
  Part curve;
  Part kem;  // empty where there is none
};

// `whole` has at least `kem_size` bytes.
template <typename Byte>
Halves<std::span<Byte>> Split(const GroupTraits& traits, std::span<Byte> whole,
                              std::size_t kem_size) {
  const std::size_t curve_size = whole.size() - kem_size;
  if (traits.order == Order::kKemFirst) {
    return {whole.last(curve_size), whole.first(kem_size)};
  }
  return {whole.first(curve_size), whole.last(kem_size)};
}

// The halves of a peer's share, whose KEM half has `kem_size` bytes.
Result<Halves<ByteView>> SplitShare(const GroupTraits& traits, ByteView share,
                                    std::size_t kem_size) {
  if (share.size() != traits.curve->share_size + kem_size) {
    return Error{Code::kIllegalParameter, "key share of a wrong length"};
  }
  return Split(traits, share, kem_size);
}

Bytes Join(const GroupTraits& traits, Bytes curve, Bytes kem) {
  Bytes& first = traits.order == Order::kKemFirst ? kem : curve;
  const Bytes& second = traits.order == Order::kKemFirst ? curve : kem;
  first.insert(first.end(), second.begin(), second.end());
  return std::move(first);
}

// A secret that `fill`(halves) writes; the error is fill's.
template <typename Fill>
Result<SharedSecret> MakeSecret(const GroupTraits& traits, Fill&& fill) {
  const SecretSizes sizes = SizesOf(traits);
  Status status = Ok{};
  SharedSecret secret =
      SharedSecret::Filled(KeyAccess(), sizes.all, [&](std::span<uint8_t> out) {
        status = fill(Split(traits, out, sizes.kem));
        return status.ok();
      });
  RETURN_IF_ERROR(status);
  if (secret.empty()) {
    return Error{Code::kInternal, "a secret longer than its type"};
  }
  return secret;
}

bool CanMake(const GroupTraits& traits) {
  if (!NewEcdhKey(*traits.curve)) {
    return false;
  }
  if (traits.kem == nullptr) {
    return true;
  }
  const std::unique_ptr<EVP_KEM, FnDeleter<EVP_KEM_free>> kem(
      EVP_KEM_fetch(nullptr, traits.kem->algorithm, nullptr));
  return kem && NewMlKemKey(*traits.kem);
}

struct Supported {
  std::array<NamedGroup, kGroups.size()> groups{};
  std::size_t count = 0;
};

Supported ProbeGroups() {
  Supported supported;
  for (const GroupTraits& traits : kGroups) {
    if (CanMake(traits)) {
      supported.groups[supported.count++] = traits.group;
    } else if (TakeNoMemory()) {
      throw std::bad_alloc();  // the next caller probes again
    }
  }
  return supported;
}

// The traits of a group that the running libcrypto has.
Result<const GroupTraits*> UsableGroup(NamedGroup group) {
  if (!IsSupported(group)) {
    return Error{Code::kNoCommonGroup, "group not supported"};
  }
  return TraitsOf(group);
}

struct EcdhHalf {
  PkeyPtr key;
  Bytes share;
};

Result<EcdhHalf> NewEcdhHalf(const Curve& curve) {
  EcdhHalf half{NewEcdhKey(curve), {}};
  if (half.key) {
    half.share = EcdhShare(curve, half.key.get());
  }
  if (half.share.empty()) {
    return CryptoError("making a key share failed");
  }
  return half;
}

}  // namespace

std::span<const NamedGroup> SupportedGroups() {
  static const Supported kSupported = ProbeGroups();
  return std::span(kSupported.groups).first(kSupported.count);
}

bool IsSupported(NamedGroup group) {
  return std::ranges::find(SupportedGroups(), group) != SupportedGroups().end();
}

bool IsHybrid(NamedGroup group) {
  const GroupTraits* traits = TraitsOf(group);
  return traits != nullptr && traits->kem != nullptr;
}

void KeyShare::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

Result<KeyShare> KeyShare::Generate(NamedGroup group) {
  ASSIGN_OR_RETURN(const GroupTraits* const traits, UsableGroup(group));
  ASSIGN_OR_RETURN(EcdhHalf half, NewEcdhHalf(*traits->curve));
  Key kem;
  Bytes encapsulation_key;
  if (traits->kem != nullptr) {
    kem.reset(NewMlKemKey(*traits->kem).release());
    if (kem) {
      encapsulation_key = EncapsulationKey(*traits->kem, kem.get());
    }
    if (encapsulation_key.empty()) {
      return CryptoError("making an ML-KEM key failed");
    }
  }
  return KeyShare(
      group, Key(half.key.release()), std::move(kem),
      Join(*traits, std::move(half.share), std::move(encapsulation_key)));
}

Result<SharedSecret> KeyShare::Agree(ByteView peer_share) && {
  const Key curve = std::move(curve_);
  const Key kem = std::move(kem_);
  if (!curve) {
    return Error{Code::kApiMisuse, "a key share that was moved away"};
  }
  const GroupTraits& traits = *TraitsOf(group_);
  const std::size_t kem_size =
      traits.kem == nullptr ? 0 : traits.kem->ciphertext_size;
  ASSIGN_OR_RETURN(const Halves<ByteView> theirs,
                   SplitShare(traits, peer_share, kem_size));
  return MakeSecret(traits, [&](Halves<std::span<uint8_t>> out) -> Status {
    RETURN_IF_ERROR(
        DeriveEcdh(*traits.curve, curve.get(), theirs.curve, out.curve));
    return traits.kem == nullptr
               ? Status(Ok{})
               : Decapsulate(*traits.kem, kem.get(), theirs.kem, out.kem);
  });
}

Result<KeyAgreement> Answer(NamedGroup group, ByteView client_share) {
  ASSIGN_OR_RETURN(const GroupTraits* const traits, UsableGroup(group));
  const std::size_t kem_size =
      traits->kem == nullptr ? 0 : traits->kem->key_size;
  ASSIGN_OR_RETURN(const Halves<ByteView> theirs,
                   SplitShare(*traits, client_share, kem_size));
  ASSIGN_OR_RETURN(EcdhHalf ours, NewEcdhHalf(*traits->curve));
  Bytes ciphertext;
  const auto fill = [&](Halves<std::span<uint8_t>> out) -> Status {
    RETURN_IF_ERROR(
        DeriveEcdh(*traits->curve, ours.key.get(), theirs.curve, out.curve));
    if (traits->kem != nullptr) {
      ASSIGN_OR_RETURN(ciphertext,
                       Encapsulate(*traits->kem, theirs.kem, out.kem));
    }
    return Ok{};
  };
  ASSIGN_OR_RETURN(SharedSecret secret, MakeSecret(*traits, fill));
  return KeyAgreement{
      Join(*traits, std::move(ours.share), std::move(ciphertext)),
      std::move(secret)};
}

Status FillRandom(std::span<uint8_t> out) {
  if (RAND_bytes_ex(nullptr, out.data(), out.size(), 0) != 1) {
    return CryptoError("no random bytes");
  }
  return Ok{};
}

}  // namespace ktlsd::handshake
