// What the states of a handshake with an external PSK (RFC 8446 section 4.2.11)
// ask their caller for. The states never hold a PSK: whoever holds it computes
// the answers with psk.h.
//
// Scope:     values.
// Layer:     handshake.
#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/key_share.h"

namespace ktlsd::handshake {

// The answer of a server's caller to the identities that a client offers.
struct PskChoice {
  std::size_t index = 0;  // of OfferedPsks::identities
  HashAlgorithm hash{};   // that this PSK is for
};

// Answered with the binder of the PSK called `identity` (section 4.2.11.2).
struct PskBinderRequest {
  Bytes identity;
  HashAlgorithm hash{};
  HashValue transcript_hash;  // up to the binders of the ClientHello
};

// What a client sends to prove that it has the PSK of `claim`, unchecked.
// Answered with yes or no, so that who asks need not learn a binder.
struct PskProof {
  PskBinderRequest claim;
  Bytes binder;  // as long as the hash
};

// Answered with the Handshake Secret (section 7.1) of the PSK called
// `identity`.
struct PskSecretRequest {
  Bytes identity;
  HashAlgorithm hash{};
  SharedSecret ecdhe;
};

}  // namespace ktlsd::handshake
