// Whatever stands behind the header of a reply to ACCEPT.
#include <fcntl.h>

#include <cstddef>
#include <cstdint>

#include "agent/netlink/request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  std::optional<ktlsd::agent::Request> request =
      ktlsd::agent::ParseRequest({data, size});
  if (request.has_value()) {
    // Any number may stand there: it is not ours to close.
    static_cast<void>(request->socket.Release());
    if (request->peer_name.size() > 255 ||
        request->peer_identities.size() > ktlsd::agent::kMaxPeerIdentities) {
      __builtin_trap();
    }
  }
  return 0;
}
