#include "handshake/crypto/key_share.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/key_access.h"
#include "base/libcrypto.h"

namespace ktlsd::handshake {
namespace {

using Key = std::unique_ptr<EVP_PKEY, FnDeleter<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, FnDeleter<EVP_PKEY_CTX_free>>;

// RFC 8446 section 4.2.8.2: legacy_form of UncompressedPointRepresentation.
constexpr uint8_t kUncompressed = 4;

struct GroupTraits {
  NamedGroup group;
  const char* algorithm;
  const char* curve;        // null where the algorithm is the curve
  std::size_t share_size;   // bytes on the wire
  std::size_t secret_size;  // bytes; RFC 8446 section 7.4.2
};

// Best first.
constexpr std::array<GroupTraits, 4> kGroups = {{
    {NamedGroup::kX25519, "X25519", nullptr, 32, 32},
    {NamedGroup::kSecp256r1, "EC", "P-256", 65, 32},
    {NamedGroup::kSecp384r1, "EC", "P-384", 97, 48},
    {NamedGroup::kSecp521r1, "EC", "P-521", 133, 66},
}};

const GroupTraits* TraitsOf(NamedGroup group) {
  const auto row = std::ranges::find(kGroups, group, &GroupTraits::group);
  return row == kGroups.end() ? nullptr : &*row;
}

// Null when libcrypto fails or lacks the group.
Key NewKey(const GroupTraits& traits) {
  const KeyContext context(
      EVP_PKEY_CTX_new_from_name(nullptr, traits.algorithm, nullptr));
  if (!context || EVP_PKEY_keygen_init(context.get()) != 1) {
    return nullptr;
  }
  if (traits.curve != nullptr &&
      EVP_PKEY_CTX_set_group_name(context.get(), traits.curve) != 1) {
    return nullptr;
  }
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_generate(context.get(), &key) != 1) {
    return nullptr;
  }
  return Key(key);
}

bool HasForm(const GroupTraits& traits, ByteView share) {
  return share.size() == traits.share_size &&
         (traits.curve == nullptr || share.front() == kUncompressed);
}

// Our share as it goes on the wire; empty when libcrypto fails.
Bytes EncodedShare(const GroupTraits& traits, EVP_PKEY* key) {
  unsigned char* encoded = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(key, &encoded);
  const ByteView view(encoded, size);
  Bytes share;
  if (size != 0 && HasForm(traits, view)) {
    share.assign(view.begin(), view.end());
  }
  OPENSSL_free(encoded);
  return share;
}

// The peer's share as a key of the group of `own`; null when it is no point of
// the curve (libcrypto checks that as it decodes one).
Key PeerKey(EVP_PKEY* own, ByteView share) {
  Key peer(EVP_PKEY_new());
  if (!peer || EVP_PKEY_copy_parameters(peer.get(), own) != 1 ||
      EVP_PKEY_set1_encoded_public_key(peer.get(), share.data(),
                                       share.size()) != 1) {
    return nullptr;
  }
  return peer;
}

SharedSecret Derive(const GroupTraits& traits, EVP_PKEY* own, EVP_PKEY* peer) {
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, own, nullptr));
  // PeerKey has validated `peer`; the group's cofactor is 1.
  constexpr int kValidatePeer = 0;
  if (!context || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer_ex(context.get(), peer, kValidatePeer) != 1) {
    return SharedSecret();
  }
  return SharedSecret::Filled(
      KeyAccess(), traits.secret_size, [&](std::span<uint8_t> out) {
        std::size_t size = out.size();
        return EVP_PKEY_derive(context.get(), out.data(), &size) == 1 &&
               size == out.size();
      });
}

// RFC 8446 section 7.4.2: "implementations MUST check whether the computed
// Diffie-Hellman shared secret is the all-zero value and abort if so".
bool IsZero(const SharedSecret& secret) {
  uint8_t bits = 0;
  for (const uint8_t byte : secret.Reveal(KeyAccess())) {
    bits |= byte;
  }
  return bits == 0;
}

Result<SharedSecret> AgreeWith(const GroupTraits& traits, EVP_PKEY* own,
                               ByteView peer_share) {
  if (own == nullptr) {
    return Error{Code::kApiMisuse, "a key share that was moved away"};
  }
  if (!HasForm(traits, peer_share)) {
    return Error{Code::kIllegalParameter, "key share of a wrong form"};
  }
  const Key peer = PeerKey(own, peer_share);
  if (!peer) {
    ERR_clear_error();
    return Error{Code::kIllegalParameter, "key share is not on the curve"};
  }
  // libcrypto refuses an all-zero X25519 secret itself, so a failure here is
  // the share's as well.
  SharedSecret secret = Derive(traits, own, peer.get());
  if (secret.empty() || IsZero(secret)) {
    ERR_clear_error();
    return Error{Code::kIllegalParameter, "key share gives no secret"};
  }
  return secret;
}

struct Supported {
  std::array<NamedGroup, kGroups.size()> groups{};
  std::size_t count = 0;
};

Supported ProbeGroups() {
  Supported supported;
  for (const GroupTraits& traits : kGroups) {
    if (NewKey(traits)) {
      supported.groups[supported.count++] = traits.group;
    }
  }
  ERR_clear_error();
  return supported;
}

}  // namespace

std::span<const NamedGroup> SupportedGroups() {
  static const Supported kSupported = ProbeGroups();
  return std::span(kSupported.groups).first(kSupported.count);
}

bool IsSupported(NamedGroup group) {
  return std::ranges::find(SupportedGroups(), group) != SupportedGroups().end();
}

void KeyShare::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

KeyShare::KeyShare(NamedGroup group, evp_pkey_st* key, Bytes public_share)
    : group_(group), key_(key), public_share_(std::move(public_share)) {}
KeyShare::KeyShare(KeyShare&&) noexcept = default;
KeyShare& KeyShare::operator=(KeyShare&&) noexcept = default;
KeyShare::~KeyShare() = default;

Result<KeyShare> KeyShare::Generate(NamedGroup group) {
  const GroupTraits* traits = TraitsOf(group);
  if (traits == nullptr || !IsSupported(group)) {
    return Error{Code::kNoCommonGroup, "group not supported"};
  }
  Key key = NewKey(*traits);
  if (!key) {
    return CryptoError("making a key share failed");
  }
  Bytes share = EncodedShare(*traits, key.get());
  if (share.empty()) {
    return CryptoError("encoding a key share failed");
  }
  return KeyShare(group, key.release(), std::move(share));
}

Result<SharedSecret> KeyShare::Agree(ByteView peer_share) && {
  const std::unique_ptr<evp_pkey_st, Free> key = std::move(key_);
  return AgreeWith(*TraitsOf(group_), key.get(), peer_share);
}

Result<KeyAgreement> Answer(NamedGroup group, ByteView client_share) {
  ASSIGN_OR_RETURN(KeyShare ours, KeyShare::Generate(group));
  Bytes public_share = ours.public_share();
  ASSIGN_OR_RETURN(SharedSecret secret, std::move(ours).Agree(client_share));
  return KeyAgreement{std::move(public_share), std::move(secret)};
}

Status FillRandom(std::span<uint8_t> out) {
  if (RAND_bytes_ex(nullptr, out.data(), out.size(), 0) != 1) {
    return CryptoError("no random bytes");
  }
  return Ok{};
}

}  // namespace ktlsd::handshake
