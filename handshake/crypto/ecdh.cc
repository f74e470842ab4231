#include "handshake/crypto/ecdh.h"

#include <openssl/crypto.h>

#include <memory>
#include <utility>

#include "base/libcrypto.h"

namespace ktlsd::handshake {
namespace {

// RFC 8446 section 4.2.8.2: legacy_form of UncompressedPointRepresentation.
constexpr uint8_t kUncompressed = 4;

bool HasForm(const Curve& curve, ByteView share) {
  return share.size() == curve.share_size &&
         (curve.name == nullptr || share.front() == kUncompressed);
}

// The peer's share as a key of the group of `own`.
Result<PkeyPtr> PeerKey(const Curve& curve, EVP_PKEY* own, ByteView share) {
  if (curve.name == nullptr) {
    PkeyPtr raw(EVP_PKEY_new_raw_public_key_ex(
        nullptr, curve.algorithm, nullptr, share.data(), share.size()));
    return raw ? Result(std::move(raw))
               : CryptoError("cannot make a key of the peer's share");
  }
  PkeyPtr peer(EVP_PKEY_new());
  if (!peer) {
    return NoMemory();
  }
  if (EVP_PKEY_copy_parameters(peer.get(), own) != 1) {
    return CryptoError("cannot make a key of the peer's share");
  }
  // libcrypto checks that it is a point of the curve as it decodes one.
  if (EVP_PKEY_set1_encoded_public_key(peer.get(), share.data(),
                                       share.size()) != 1) {
    return CryptoError(Code::kIllegalParameter,
                       "key share is not on the curve");
  }
  return peer;
}

bool Derive(EVP_PKEY* own, EVP_PKEY* peer, std::span<uint8_t> out) {
  const PkeyContextPtr context(
      EVP_PKEY_CTX_new_from_pkey(nullptr, own, nullptr));
  // PeerKey has validated `peer`; the group's cofactor is 1.
  constexpr int kValidatePeer = 0;
  std::size_t size = out.size();
  return context && EVP_PKEY_derive_init(context.get()) == 1 &&
         EVP_PKEY_derive_set_peer_ex(context.get(), peer, kValidatePeer) == 1 &&
         EVP_PKEY_derive(context.get(), out.data(), &size) == 1 &&
         size == out.size();
}

// RFC 8446 section 7.4.2: "implementations MUST check whether the computed
// Diffie-Hellman shared secret is the all-zero value and abort if so".
bool IsZero(std::span<const uint8_t> secret) {
  uint8_t bits = 0;
  for (const uint8_t byte : secret) {
    bits |= byte;
  }
  return bits == 0;
}

struct FreeEncoding {
  void operator()(unsigned char* encoding) const { OPENSSL_free(encoding); }
};

}  // namespace

PkeyPtr NewEcdhKey(const Curve& curve) {
  const PkeyContextPtr context(
      EVP_PKEY_CTX_new_from_name(nullptr, curve.algorithm, nullptr));
  if (!context || EVP_PKEY_keygen_init(context.get()) != 1) {
    return nullptr;
  }
  if (curve.name != nullptr &&
      EVP_PKEY_CTX_set_group_name(context.get(), curve.name) != 1) {
    return nullptr;
  }
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_generate(context.get(), &key) != 1) {
    return nullptr;
  }
  return PkeyPtr(key);
}

Bytes EcdhShare(const Curve& curve, EVP_PKEY* key) {
  if (curve.name == nullptr) {
    Bytes share(curve.share_size);
    std::size_t size = share.size();
    if (EVP_PKEY_get_raw_public_key(key, share.data(), &size) != 1 ||
        size != share.size()) {
      share.clear();
    }
    return share;
  }
  unsigned char* encoded = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(key, &encoded);
  const std::unique_ptr<unsigned char, FreeEncoding> owner(encoded);
  const ByteView view(encoded, size);
  return size != 0 && HasForm(curve, view) ? Bytes(view.begin(), view.end())
                                           : Bytes();
}

Status DeriveEcdh(const Curve& curve, EVP_PKEY* own, ByteView peer_share,
                  std::span<uint8_t> out) {
  if (!HasForm(curve, peer_share)) {
    return Error{Code::kIllegalParameter, "key share of a wrong form"};
  }
  ASSIGN_OR_RETURN(const PkeyPtr peer, PeerKey(curve, own, peer_share));
  // libcrypto refuses an all-zero X25519 secret itself, so a failure here is
  // the share's as well.
  if (!Derive(own, peer.get(), out) || IsZero(out)) {
    return CryptoError(Code::kIllegalParameter, "key share gives no secret");
  }
  return Ok{};
}

}  // namespace ktlsd::handshake
