// What the kernel tells about one handshake that it wants.
//
// Scope:     the reply to ACCEPT as values; parsing does no I/O.
// Layer:     agent/netlink.
// Threads:   move-only value.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/netlink/handshake_uapi.h"
#include "agent/netlink/keyring_uses.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {

struct CertificateSerials {
  KeySerial certificate = 0;
  KeySerial private_key = 0;
};

struct Request {
  OwnedFd socket;
  HandshakeKind kind{};  // may be a number outside the enum
  AuthMode auth_mode{};  // the same
  // False: an attribute was missing, twice there, or of a wrong form. The
  // request can only be refused.
  bool well_formed = false;
  std::optional<std::chrono::milliseconds> timeout;
  std::string peer_name;
  std::vector<KeySerial> peer_identities;
  std::optional<CertificateSerials> certificate;
  std::optional<KeySerial> keyring;
  KeyringUses::Use keyring_use{};  // of the same

  // Of one that was taken before it is asked for (eager_kernel.h): when, and
  // whether it had waited for nobody knows how long.
  std::optional<MonotonicTime> taken_at{};
  bool waited = false;
};

// Reads the attributes of a reply to ACCEPT. Attributes that are not known are
// skipped; known ones must have their exact form. Returns nothing when there
// is no valid socket descriptor in it; else takes that descriptor over, which
// must have been installed in this process.
std::optional<Request> ParseRequest(ByteView attributes);

}  // namespace ktlsd::agent
