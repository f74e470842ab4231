// Key agreement: one side's ephemeral key, and the shared secret.
//
// Scope:     X25519, P-256, P-384, P-521 (RFC 8446 section 4.2.8.2, 7.4.2);
//            X25519MLKEM768, SecP256r1MLKEM768, SecP384r1MLKEM1024
//            (draft-ietf-tls-ecdhe-mlkem). The groups that the running
//            libcrypto offers are probed, not guessed from its version.
// Layer:     handshake/crypto.
// Threads:   thread-compatible.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "handshake/wire.h"

struct evp_pkey_st;

namespace ktlsd::handshake {

// The (EC)DHE input of the key schedule: up to 66 bytes of P-521, and 48 + 32
// of SecP384r1MLKEM1024.
using SharedSecret = Secret<96>;

// The groups we can use, best first: hybrids before the others.
std::span<const NamedGroup> SupportedGroups();
bool IsSupported(NamedGroup group);
// One of an elliptic curve and ML-KEM together?
bool IsHybrid(NamedGroup group);

// What the server of a key agreement answers with.
struct KeyAgreement {
  Bytes public_share;  // ours, for the ServerHello
  SharedSecret secret;
};

// A client's ephemeral keys: one, or two for a hybrid. Move-only; the private
// keys are freed (and wiped by libcrypto) with it.
class KeyShare {
 public:
  // Errors: kNoCommonGroup an unsupported group; kCryptoFailed.
  static Result<KeyShare> Generate(NamedGroup group);
  NamedGroup group() const { return group_; }
  const Bytes& public_share() const { return public_share_; }
  // Once: for the ClientHello.
  Bytes TakePublicShare() { return std::move(public_share_); }

  // The secret shared with the server's share, in constant-size form (P-256: x
  // coordinate, 32 bytes; X25519: 32 bytes; a hybrid: both, joined in the
  // order of its shares).
  // Errors: kIllegalParameter for a share of the wrong length or form, a
  //         point not on the curve, or an all-zero X25519 result.
  Result<SharedSecret> Agree(ByteView peer_share) &&;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  using Key = std::unique_ptr<evp_pkey_st, Free>;
  KeyShare(NamedGroup group, Key curve, Key kem, Bytes public_share)
      : group_(group),
        curve_(std::move(curve)),
        kem_(std::move(kem)),
        public_share_(std::move(public_share)) {}

  NamedGroup group_;
  Key curve_;
  Key kem_;  // null where the group is not a hybrid
  Bytes public_share_;
};

// The server's half in one call: makes a key and agrees with the client's
// share (of a hybrid: with a secret for the client's ML-KEM key). Errors as
// above, and kIllegalParameter for a malformed ML-KEM key.
Result<KeyAgreement> Answer(NamedGroup group, ByteView client_share);

// Fills `out` from libcrypto's random generator.
Status FillRandom(std::span<uint8_t> out);

}  // namespace ktlsd::handshake
