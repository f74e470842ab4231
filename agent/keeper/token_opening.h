// The first message to a keeper with tokens: which to open.
//
// Layer:     agent/keeper.
// Privilege: as TokenKeys::Open.
#pragma once

#include "agent/ipc/link.h"
#include "agent/keeper/token_keys.h"
#include "base/result.h"

namespace ktlsd::agent {

// Waits for it, and opens those tokens.
// Errors: those of Link::Receive; kSystemFailed with the errno
Status ReceiveTokens(Link& monitor, TokenKeys& tokens);

}  // namespace ktlsd::agent
