#include "agent/netlink/netlink_kernel.h"

#include <fcntl.h>
#include <linux/netlink.h>

#include <cerrno>
#include <utility>

namespace ktlsd::agent {

namespace {

const Error kGone{Code::kNetlinkFailed,
                  "the kernel's handshake upcall is not there any more",
                  ENOENT};

template <typename Attribute>
constexpr uint16_t Number(Attribute attribute) {
  return static_cast<uint16_t>(attribute);
}

constexpr uint8_t Wire(HandshakeCommand command) {
  return static_cast<uint8_t>(command);
}

Message MakeMessage(const Family& family, HandshakeCommand command,
                    uint16_t flags) {
  return {family.id, Wire(command), kHandshakeVersion, flags};
}

void AddTags(Message& message, std::string_view tags) {
  while (!tags.empty()) {
    const std::size_t end = tags.find(',');
    message.Text(Number(DoneAttribute::kTag), tags.substr(0, end));
    tags = end == std::string_view::npos ? "" : tags.substr(end + 1);
  }
}

}  // namespace

NetlinkKernel::NetlinkKernel(Asker requests,
                             std::unique_ptr<NetlinkSocket> ready,
                             ReadySocket::Origin origin, const Family& family)
    : requests_(std::move(requests)),
      ready_(std::move(ready)),
      origin_(origin),
      family_(family),
      policy_(ReadPolicy(requests_, family)) {}

Result<NetlinkKernel> NetlinkKernel::Open(OwnedFd kept) {
  ASSIGN_OR_RETURN(std::unique_ptr<NetlinkSocket> socket,
                   OpenNetlinkSocket(NETLINK_GENERIC));
  Asker requests(std::move(socket));
  ASSIGN_OR_RETURN(const Family family, FindFamily(requests));
  ASSIGN_OR_RETURN(ReadySocket ready,
                   TakeReadySocket(std::move(kept), family.group));
  NetlinkKernel kernel(std::move(requests),
                       UseNetlinkSocket(std::move(ready.fd)), ready.origin,
                       family);
  // Handshakes do not depend on it.
  if (auto diag = OpenSocketDiag(); diag.ok()) {
    kernel.diag_ = std::move(diag).value();
  }
  return kernel;
}

Result<NetlinkKernel> NetlinkKernel::Over(
    std::unique_ptr<NetlinkSocket> requests,
    std::unique_ptr<NetlinkSocket> ready) {
  Asker asker(std::move(requests));
  ASSIGN_OR_RETURN(const Family family, FindFamily(asker));
  RETURN_IF_ERROR(ready->Join(family.group));
  return NetlinkKernel(std::move(asker), std::move(ready),
                       ReadySocket::Origin::kNew, family);
}

unsigned NetlinkKernel::DrainReady() {
  unsigned overruns = 0;
  for (;;) {
    const Result<bool> more = ready_->Discard();
    if (!more.ok() && more.error().os_error == ENOBUFS) {
      ++overruns;
    } else if (!more.ok() || !*more) {
      return overruns;
    }
  }
}

Result<std::optional<Request>> NetlinkKernel::Accept() {
  if (gone_) {
    RETURN_IF_ERROR(FindAgain());
  }
  OwnedFd spare(::fcntl(requests_.fd().raw(), F_DUPFD_CLOEXEC, 0));
  if (!spare.valid()) {
    return Error{Code::kNoDescriptors, "no descriptor is free", errno};
  }
  spare.Close();  // it may have been the only one
  Message message = MakeMessage(family_, HandshakeCommand::kAccept, 0);
  message.U32(Number(AcceptAttribute::kHandlerClass), kHandlerClassTlshd);
  const Result<Asker::Answer> answer =
      requests_.Ask(message, Wire(HandshakeCommand::kAccept));
  if (!answer.ok()) {
    if (requests_.refused() && answer.error().os_error == EAGAIN) {
      return std::optional<Request>();
    }
    return Note(answer.error());
  }
  // An acknowledgement has no attributes, so no socket either.
  const ByteView attributes = answer->attributes.value_or(ByteView());
  if (answer->cut) {
    return GiveUp(attributes);
  }
  std::optional<Request> request = ParseRequest(attributes);
  if (!request.has_value()) {
    return Error{Code::kNetlinkFailed, "ACCEPT gave no socket"};
  }
  return request;
}

// Answers the request whose description was cut off, if it can be named.
Error NetlinkKernel::GiveUp(ByteView attributes) {
  if (const std::optional<Request> request = ParseRequest(attributes)) {
    static_cast<void>(Done(request->socket.borrow(), {EIO}));
  }
  return {Code::kNetlinkFailed, "the kernel's reply to ACCEPT was cut off",
          EMSGSIZE};
}

Status NetlinkKernel::Done(BorrowedFd socket, const DoneAnswer& said) {
  if (gone_) {
    return kGone;
  }
  Message message = MakeMessage(family_, HandshakeCommand::kDone, NLM_F_ACK);
  message.U32(Number(DoneAttribute::kStatus), said.status)
      .U32(Number(DoneAttribute::kSocket), static_cast<uint32_t>(socket.raw()));
  if (said.remote_auth.has_value()) {
    message.U32(Number(DoneAttribute::kRemoteAuth),
                static_cast<uint32_t>(*said.remote_auth));
  }
  if (policy_.DoneTakesText(DoneAttribute::kTag)) {
    AddTags(message, said.tags);
  }
  const Result<Asker::Answer> answer =
      requests_.Ask(message, Wire(HandshakeCommand::kDone));
  if (!answer.ok()) {
    return Note(answer.error());
  }
  if (answer->attributes.has_value()) {
    return Error{Code::kNetlinkFailed, "DONE was not acknowledged"};
  }
  return Ok{};
}

// A number without a family is ENOENT; another family may have it meanwhile.
Error NetlinkKernel::Note(const Error& error) {
  if (requests_.refused() &&
      (error.os_error == ENOENT || error.os_error == EOPNOTSUPP)) {
    gone_ = true;
    return kGone;
  }
  return error;
}

Status NetlinkKernel::FindAgain() {
  const Result<Family> family = FindFamily(requests_);
  if (!family.ok()) {
    return requests_.refused() ? kGone : family.error();
  }
  RETURN_IF_ERROR(ready_->Join(family->group));
  family_ = *family;
  policy_ = ReadPolicy(requests_, family_);
  gone_ = false;
  return Ok{};
}

}  // namespace ktlsd::agent
