// Makes the proofs of base/session_keys.h without a handshake, so that ktls/
// can be tested alone.
//
// Layer:     base, tests only (the build target is testonly).
#pragma once

#include "base/session_keys.h"

namespace ktlsd {

class ProofsForTest {
 public:
  static Finished MakeFinished() { return Finished(); }
  static Drained MakeDrained() { return Drained(); }
  static Flushed MakeFlushed() { return Flushed(); }
};

}  // namespace ktlsd
