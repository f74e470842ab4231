// A state has no way on but its own.
#include <utility>

#include "handshake/client_start.h"
#include "handshake/server_start.h"

using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)
using ktlsd::ByteView;

#if defined(CONTROL)
auto Skip(AwaitServerSignature state, Channel& channel) {
  return std::move(state).Sign(ByteView(), channel);
}
#elif defined(SIGN)
auto Skip(AwaitClientFinished state, Channel& channel) {
  return std::move(state).Sign(ByteView(), channel);
}
#elif defined(FINISH)
auto Skip(AwaitServerVerdict state, const HandshakeMessage& finished,
          Channel& channel) {
  return std::move(state).Receive(finished, channel);
}
#elif defined(CONFIGURE)
auto Skip(AwaitClientHello state, ServerConfig config, Channel& channel) {
  return std::move(state).Configure(std::move(config), channel);
}
#endif
