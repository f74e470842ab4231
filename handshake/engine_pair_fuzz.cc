// Our client against our server, with what they send changed; pair_run.h says
// how an input says it. Both ends come to an end; when both are done they have
// the same keys, and nothing that matters was changed in either direction.

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "handshake/testing/pair_run.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ktlsd::handshake::RunPair(ktlsd::ByteView(data, size));
  return 0;
}
