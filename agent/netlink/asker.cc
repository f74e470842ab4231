#include "agent/netlink/asker.h"

#include <cerrno>
#include <utility>
#include <variant>

namespace ktlsd::agent {
namespace {

// More that nobody asked for is not read before an answer is given up, nor
// longer dumps.
constexpr int kMostDatagrams = 256;

const Error kLost{Code::kNetlinkFailed, "the kernel's reply was lost", ENOBUFS};
const Error kCut{Code::kNetlinkFailed, "the kernel's reply was cut off",
                 EMSGSIZE};

}  // namespace

Asker::Asker(std::unique_ptr<NetlinkSocket> socket)
    : socket_(std::move(socket)) {}

Result<Asker::Answer> Asker::Ask(Message message, uint8_t reply_command) {
  ASSIGN_OR_RETURN(const Asked asked, Send(message, reply_command, false));
  unclear_ = true;
  for (int i = 0; i < kMostDatagrams; ++i) {
    ASSIGN_OR_RETURN(const Datagram datagram, Receive());
    ByteView rest = datagram.bytes;
    ASSIGN_OR_RETURN(const Reply reply, NextReply(rest, datagram.cut, asked));
    if (std::holds_alternative<OtherReply>(reply)) {
      continue;
    }
    if (!rest.empty()) {
      return Error{Code::kNetlinkFailed, "more than one netlink reply"};
    }
    unclear_ = false;
    if (const auto* refusal = std::get_if<Refusal>(&reply)) {
      return Refuse(refusal->os_error);
    }
    const auto* attributes = std::get_if<ReplyAttributes>(&reply);
    return Answer{
        attributes == nullptr ? std::nullopt : std::optional(attributes->bytes),
        datagram.cut};
  }
  return kLost;
}

Status Asker::Dump(Message message, uint8_t reply_command,
                   const std::function<void(ByteView)>& take) {
  ASSIGN_OR_RETURN(const Asked asked, Send(message, reply_command, true));
  unclear_ = true;
  for (int i = 0; i < kMostDatagrams; ++i) {
    ASSIGN_OR_RETURN(const Datagram datagram, Receive());
    if (datagram.cut) {
      return kCut;
    }
    ASSIGN_OR_RETURN(const bool ended, TakeAll(datagram, asked, take));
    if (ended) {
      unclear_ = false;
      return Ok{};
    }
  }
  return kLost;
}

Result<bool> Asker::TakeAll(const Datagram& datagram, const Asked& asked,
                            const std::function<void(ByteView)>& take) {
  ByteView rest = datagram.bytes;
  while (!rest.empty()) {
    ASSIGN_OR_RETURN(const Reply reply, NextReply(rest, datagram.cut, asked));
    if (std::holds_alternative<Acknowledgement>(reply)) {
      return true;
    }
    if (const auto* refusal = std::get_if<Refusal>(&reply)) {
      return Refuse(refusal->os_error);
    }
    if (const auto* attributes = std::get_if<ReplyAttributes>(&reply)) {
      take(attributes->bytes);
    }
  }
  return false;
}

Result<Asked> Asker::Send(Message& message, uint8_t reply_command, bool dump) {
  refused_ = false;
  if (std::exchange(unclear_, false)) {
    Forget();
  }
  const Asked asked{++sequence_, socket_->port(), message.family(),
                    reply_command, dump};
  message.Stamp(asked.sequence, asked.port);
  RETURN_IF_ERROR(socket_->Send(message.bytes()));
  return asked;
}

Result<Datagram> Asker::Receive() {
  for (int i = 0; i < kMostDatagrams; ++i) {
    ASSIGN_OR_RETURN(const std::optional<Datagram> datagram,
                     socket_->Receive(buffer_->bytes));
    if (!datagram.has_value()) {
      return kLost;
    }
    if (datagram->sender == 0) {
      return *datagram;
    }
  }
  return kLost;
}

// A queue with something in it is room that the next reply may need.
void Asker::Forget() {
  for (int i = 0; i < kMostDatagrams; ++i) {
    const auto datagram = socket_->Receive(buffer_->bytes);
    if (datagram.ok() && !datagram->has_value()) {
      return;
    }
  }
}

Error Asker::Refuse(int os_error) {
  refused_ = true;
  return {Code::kNetlinkFailed, "the kernel refused a request", os_error};
}

}  // namespace ktlsd::agent
