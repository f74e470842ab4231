// The two RPC calls that a session over TLS begins with.
//
// Scope:     NULL calls and the replies to them (RFC 5531), record marks
//            included; nothing else of RPC.
// Layer:     kernel-tests.
// Threads:   pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace ktlsd::load {

enum class Flavor : uint32_t {
  kNone = 0,
  kTls = 7,  // asks for TLS (RFC 9289 section 4.1)
};

using Call = std::array<uint8_t, 44>;

// NFS version 4, procedure NULL, with an empty credential of `flavor`.
Call NullCall(uint32_t xid, Flavor flavor);

enum class Reply : uint8_t {
  kIncomplete,  // more bytes are to come
  kSuccess,
  kStartTls,  // success, and the server agrees to TLS
  kOther,     // a refusal, or no reply to this call at all
};

// What the first bytes of an answer to the call `xid` say.
Reply ReadReply(std::span<const uint8_t> received, uint32_t xid);

}  // namespace ktlsd::load
