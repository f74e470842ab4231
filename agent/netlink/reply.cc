#include "agent/netlink/reply.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace ktlsd::agent {
namespace {

const Error kMalformed{Code::kNetlinkFailed, "a malformed netlink message"};
const Error kUnexpected{Code::kNetlinkFailed,
                        "the kernel's reply is to something else"};

// The message that it is about is repeated in it, at least its header.
Result<Reply> ReadError(ByteView body, const Asked& asked) {
  nlmsgerr report{};
  if (body.size() < sizeof(report)) {
    return kMalformed;
  }
  std::memcpy(&report, body.data(), sizeof(report));
  if (report.msg.nlmsg_seq != asked.sequence ||
      report.msg.nlmsg_type != asked.family) {
    return kUnexpected;
  }
  if (report.error > 0) {
    return kMalformed;
  }
  return report.error == 0 ? Reply(Acknowledgement{})
                           : Reply(Refusal{-report.error});
}

// The end of a dump has an error number too, alone.
Result<Reply> ReadEnd(ByteView body) {
  int error = 0;
  if (body.size() < sizeof(error)) {
    return kMalformed;
  }
  std::memcpy(&error, body.data(), sizeof(error));
  return error >= 0 ? Reply(Acknowledgement{}) : Reply(Refusal{-error});
}

Result<Reply> ReadAttributes(ByteView body, const Asked& asked) {
  genlmsghdr generic{};
  if (body.size() < GENL_HDRLEN) {
    return kMalformed;
  }
  std::memcpy(&generic, body.data(), sizeof(generic));
  if (generic.cmd != asked.reply_command) {
    return kUnexpected;
  }
  return Reply(ReplyAttributes{body.subspan(GENL_HDRLEN)});
}

}  // namespace

Result<Reply> NextReply(ByteView& datagram, bool cut, const Asked& asked) {
  nlmsghdr header{};
  if (datagram.size() < sizeof(header)) {
    return kMalformed;
  }
  std::memcpy(&header, datagram.data(), sizeof(header));
  if (header.nlmsg_len < sizeof(header) ||
      (header.nlmsg_len > datagram.size() && !cut)) {
    return kMalformed;
  }
  const std::size_t size =
      std::min<std::size_t>(header.nlmsg_len, datagram.size());
  const ByteView body = datagram.first(size).subspan(NLMSG_HDRLEN);
  datagram = datagram.subspan(
      std::min<std::size_t>(NLMSG_ALIGN(size), datagram.size()));
  if (header.nlmsg_seq != asked.sequence || header.nlmsg_pid != asked.port) {
    return Reply(OtherReply{});
  }
  if (header.nlmsg_type == NLMSG_ERROR) {
    return ReadError(body, asked);
  }
  if (header.nlmsg_type == NLMSG_DONE && asked.dump) {
    return ReadEnd(body);
  }
  return header.nlmsg_type == asked.family ? ReadAttributes(body, asked)
                                           : Result<Reply>(kUnexpected);
}

}  // namespace ktlsd::agent
