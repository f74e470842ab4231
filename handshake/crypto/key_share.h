// Key agreement: one side's ephemeral key, and the shared secret.
//
// Scope:     X25519, P-256, P-384, P-521 (RFC 8446 section 4.2.8.2, 7.4.2).
//            The groups that the running libcrypto offers are probed, not
//            guessed from its version.
// Layer:     handshake/crypto.
// Threads:   thread-compatible.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "handshake/wire.h"

struct evp_pkey_st;

namespace ktlsd::handshake {

// The (EC)DHE input of the key schedule; up to 2 x 48 bytes are needed by the
// hybrid groups.
using SharedSecret = Secret<96>;

// The groups we can use, best first.
std::span<const NamedGroup> SupportedGroups();
bool IsSupported(NamedGroup group);

// What the server of a key agreement answers with.
struct KeyAgreement {
  Bytes public_share;  // ours, for the ServerHello
  SharedSecret secret;
};

// A client's ephemeral key pair. Move-only; the private key is freed (and
// wiped by libcrypto) with it.
class KeyShare {
 public:
  // Errors: kNoCommonGroup an unsupported group; kCryptoFailed.
  static Result<KeyShare> Generate(NamedGroup group);
  KeyShare(KeyShare&&) noexcept;
  KeyShare& operator=(KeyShare&&) noexcept;
  ~KeyShare();

  NamedGroup group() const { return group_; }
  const Bytes& public_share() const { return public_share_; }

  // The secret shared with the peer's share, in constant-size form (P-256: x
  // coordinate, 32 bytes; X25519: 32 bytes).
  // Errors: kIllegalParameter for a share of the wrong length or form, a
  //         point not on the curve, or an all-zero X25519 result.
  Result<SharedSecret> Agree(ByteView peer_share) &&;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  KeyShare(NamedGroup group, evp_pkey_st* key, Bytes public_share);

  NamedGroup group_;
  std::unique_ptr<evp_pkey_st, Free> key_;
  Bytes public_share_;
};

// The server's half in one call: makes a key and agrees with the client's
// share. Errors as above.
Result<KeyAgreement> Answer(NamedGroup group, ByteView client_share);

// Fills `out` from libcrypto's random generator.
Status FillRandom(std::span<uint8_t> out);

}  // namespace ktlsd::handshake
