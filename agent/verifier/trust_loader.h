// Trust from files that the monitor opened, and from its list of peers.
//
// Layer:     agent/verifier.
// Threads:   pure functions.
// Privilege: none: the files are open.
#pragma once

#include <cstddef>
#include <span>

#include "base/bytes.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "handshake/allow_list.h"
#include "handshake/peer_verifier.h"

namespace ktlsd::agent {

// `files`: PEM of the anchors; then, if any, PEM of the revocation lists. A
// file that is there and empty is refused like one that does not parse.
// Errors: kTrustStoreUnusable, kCrlUnusable with the reason.
Result<handshake::TrustStore> LoadTrustStore(std::span<const OwnedFd> files);

// `count` entries as LoadTrust carries them.
// Errors: kApiMisuse.
Result<handshake::AllowList> ParseAllowed(ByteView payload, std::size_t count);

}  // namespace ktlsd::agent
