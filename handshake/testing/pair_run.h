// A handshake between our client and our server, with what they send changed as
// an input says: what engine_pair_fuzz does with each input.
//
// An input is a byte of FuzzRun::FromBits(), then up to 8 changes of five bytes
// each:
//   0    bit 0: to the server; bit 7: of a handshake message before it is
//        protected, else of a record on the wire; the others, modulo 6: the
//        kind (PairRun::Kind)
//   1    which record or message of that direction, from 0
//   2-3  where in it, modulo its size
//   4    the value
//
// Layer:     handshake/testing.
// Threads:   one thread.
#pragma once

#include "base/bytes.h"

namespace ktlsd::handshake {

// What came of an input.
struct PairRun {
  bool client_done = false;
  bool server_done = false;
  // What the ends sent; messages before they were changed are not here.
  Bytes to_server;
  Bytes to_client;
};

// Stops the process (Require) unless both ends come to an end, and when both
// are done although anything that matters was changed, or without the same
// keys. An input without changes must lead to success.
PairRun RunPair(ByteView input);

}  // namespace ktlsd::handshake
