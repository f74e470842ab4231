// What a client sends under the keys of the handshake, changed, against our
// server; flight_run.h says how an input says it.

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "handshake/testing/flight_run.h"
#include "handshake/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using ktlsd::handshake::Role;
  ktlsd::handshake::RunFlight(Role::kClient, ktlsd::ByteView(data, size));
  return 0;
}
