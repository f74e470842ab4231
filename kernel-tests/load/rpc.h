// What an NFS server replies to the two RPC calls that a session over TLS
// begins with; agent/check/rpc.h makes the calls.
//
// Scope:     replies to NULL calls (RFC 5531), as they come in, record marks
//            included. No words and no allocation: thousands are read.
// Layer:     kernel-tests.
// Threads:   pure functions.
#pragma once

#include <cstdint>
#include <span>

namespace ktlsd::load {

enum class Reply : uint8_t {
  kIncomplete,  // more bytes are to come
  kSuccess,
  kStartTls,  // success, and the server agrees to TLS
  kOther,     // a refusal, or no reply to this call at all
};

// What the first bytes of an answer to the call `xid` say.
Reply ReadReply(std::span<const uint8_t> received, uint32_t xid);

}  // namespace ktlsd::load
