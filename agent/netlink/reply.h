// What the kernel says to one message of ours, read strictly.
//
// Scope:     one netlink message out of a datagram. Only what is an answer to
//            the message asked about counts: its sequence number, our port, the
//            family and the command that the answer has, sane lengths.
// Layer:     agent/netlink.
// Threads:   pure functions.
#pragma once

#include <cstdint>
#include <variant>

#include "base/bytes.h"
#include "base/result.h"

namespace ktlsd::agent {

// What was asked, by which its answer is known.
struct Asked {
  uint32_t sequence = 0;
  uint32_t port = 0;
  uint16_t family = 0;
  uint8_t reply_command = 0;
  bool dump = false;  // the answer has an end of its own
};

struct OtherReply {};       // an answer to something that was given up
struct Acknowledgement {};  // done, or the end of a dump
struct Refusal {
  int os_error = 0;
};
struct ReplyAttributes {
  ByteView bytes;
};
using Reply =
    std::variant<OtherReply, Acknowledgement, Refusal, ReplyAttributes>;

// Takes the next message off `datagram`. `cut`: the datagram is only the
// beginning of what was sent, and so may be its last message.
// Errors: kNetlinkFailed: it is no message, or no such answer as there may be
Result<Reply> NextReply(ByteView& datagram, bool cut, const Asked& asked);

}  // namespace ktlsd::agent
