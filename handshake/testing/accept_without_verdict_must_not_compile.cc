// A peer is accepted with a proof that it was verified, of no other kind.
#include <utility>

#include "handshake/client_start.h"
#include "handshake/server_start.h"

using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

AwaitServerFinished Accept(AwaitServerVerdict state,
                           [[maybe_unused]] PeerVerified verified,
                           [[maybe_unused]] PeerAnonymousByPolicy anonymous) {
#if defined(CONTROL)
  return std::move(state).Accept(std::move(verified));
#elif defined(ANONYMOUS)
  return std::move(state).Accept(std::move(anonymous));
#else
  return std::move(state).Accept();
#endif
}
