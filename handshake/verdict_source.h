// Turns a verifier's answer into the proof PeerVerified, and that of a PSK's
// holder into PskVerified.
//
// Scope:     for those who ran a verifier: the daemon's worker, which heard
//            from the verifier process or the monitor, and programs with a
//            local TrustStore or LocalPsks.
//            Calling this without such an answer switches peer verification
//            off; the build target's visibility lists who may.
// Layer:     handshake.
#pragma once

#include "handshake/proofs.h"

namespace ktlsd::handshake {

class VerdictSource {
 public:
  // Call only after a verifier accepted this very handshake's PeerProof.
  static PeerVerified Accepted() { return PeerVerified(); }
  // Call only after the PSK's holder found this very handshake's PskProof good.
  static PskVerified AcceptedPsk() { return PskVerified(); }
};

}  // namespace ktlsd::handshake
