// As much of ONC RPC (RFC 5531) as it takes to ask an NFS server for TLS
// (RFC 9289 section 4.1), and to ask whether it is still there afterwards.
//
// Scope:     one call of NFS's procedure that does nothing, and the judgements
//            on its reply. Bytes in, bytes out.
// Layer:     agent/check.
// Threads:   pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace ktlsd::agent {

enum class RpcFlavor : uint32_t {
  kNone = 0,  // AUTH_NONE
  kTls = 7,   // AUTH_TLS: is there TLS?
};

// A call in its record, with a transaction id of `xid`.
Bytes NullCall(uint32_t xid, RpcFlavor flavor);

// The size of the record behind its mark of four bytes; nothing for what is no
// record in one piece, or is larger than any reply to that call.
inline constexpr std::size_t kRecordMark = 4;
std::optional<std::size_t> RecordSize(ByteView mark);

// Why `reply` does not mean that TLS may begin, in words; nothing when it may.
std::optional<std::string> RefusesTls(ByteView reply, uint32_t xid);

// Why `reply` does not say that the server has done the call, in words; nothing
// when it has: accepted, successful, and without a result.
std::optional<std::string> RefusesCall(ByteView reply, uint32_t xid);

}  // namespace ktlsd::agent
