// A transition consumes its state.
#include <utility>

#include "handshake/client_start.h"

using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

ktlsd::Result<AwaitServerVerdict> Next(AwaitServerProof& state,
                                       const HandshakeMessage& message) {
#ifdef CONTROL
  return std::move(state).Receive(message);
#else
  return state.Receive(message);
#endif
}
