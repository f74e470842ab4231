// ACCEPT, and the keyring that it links.
//
// Layer:     agent/netlink.
// Threads:   as the kernel's.
#pragma once

#include <optional>

#include "agent/netlink/handshake_kernel.h"
#include "agent/netlink/keyring_uses.h"
#include "agent/netlink/request.h"
#include "base/result.h"

namespace ktlsd::agent {

// As kernel.Accept(), and counts the keyring of what it takes before anybody
// can drop its link; but for what was counted below.
inline Result<std::optional<Request>> AcceptCounted(HandshakeKernel& kernel,
                                                    KeyringUses& uses) {
  const KeyringUses::Held held = uses.Hold();
  Result<std::optional<Request>> taken = kernel.Accept();
  if (!taken.ok()) {
    return taken;
  }
  std::optional<Request>& request = *taken;
  if (request.has_value() && !request->keyring_use.counted()) {
    request->keyring_use = uses.Begin(held, request->keyring);
  }
  return taken;
}

}  // namespace ktlsd::agent
