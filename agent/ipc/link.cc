#include "agent/ipc/link.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

namespace ktlsd::agent {
namespace {

constexpr std::size_t kMaxDescriptors = 2;
constexpr int kQueueBytes = 1 << 20;

struct alignas(cmsghdr) ControlBuffer {
  std::array<char, CMSG_SPACE(sizeof(int) * kMaxDescriptors)> bytes{};
};

// Takes over every descriptor in `message`.
std::vector<OwnedFd> TakeDescriptors(msghdr& message) {
  std::vector<OwnedFd> taken;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      taken.emplace_back(fd);
    }
  }
  return taken;
}

void Attach(msghdr& message, ControlBuffer& control,
            std::span<const BorrowedFd> descriptors) {
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    const int fd = descriptors[i].raw();
    std::memcpy(CMSG_DATA(part) + i * sizeof(int), &fd, sizeof(int));
  }
}

Error SendError(int os_error) {
  switch (os_error) {
    case EAGAIN:
    case ENOBUFS:
      return {Code::kTooBusy, "a link's queue is full", os_error};
    case EPIPE:
    case ECONNRESET:
      return {Code::kPeerClosed, "a link was closed", os_error};
    case ETOOMANYREFS:
    case EMFILE:
      return {Code::kNoDescriptors, "cannot pass a descriptor", os_error};
    default:
      return {Code::kSystemFailed, "cannot send on a link", os_error};
  }
}

iovec Piece(ByteView bytes) {
  return {const_cast<uint8_t*>(bytes.data()), bytes.size()};
}

// By send(): a role may not call sendmsg(), which can pass descriptors on.
ssize_t SendPlain(BorrowedFd socket, ByteView fixed, ByteView payload,
                  int flags) {
  if (payload.empty()) {
    return ::send(socket.raw(), fixed.data(), fixed.size(), flags);
  }
  Bytes packet;
  packet.reserve(fixed.size() + payload.size());  // no copy but this is made
  packet.insert(packet.end(), fixed.begin(), fixed.end());
  packet.insert(packet.end(), payload.begin(), payload.end());
  const ssize_t sent =
      ::send(socket.raw(), packet.data(), packet.size(), flags);
  const int os_error = errno;
  ::explicit_bzero(packet.data(), packet.size());  // perhaps a private key
  errno = os_error;
  return sent;
}

ssize_t SendWith(BorrowedFd socket, ByteView fixed, ByteView payload,
                 std::span<const BorrowedFd> descriptors, int flags) {
  std::array<iovec, 2> pieces = {Piece(fixed), Piece(payload)};
  ControlBuffer control;
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = payload.empty() ? 1 : 2;
  Attach(message, control, descriptors);
  return ::sendmsg(socket.raw(), &message, flags);
}

ssize_t TakePacket(BorrowedFd socket, msghdr& message) {
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket.raw(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  return size;
}

}  // namespace

Link::~Link() { Wipe(); }

void Link::Wipe() {
  if (buffer_ != nullptr) {
    ::explicit_bzero(buffer_->data(), buffer_->size());
  }
}

MessageType Link::TypeOf(ByteView packet) {
  Header header;
  if (packet.size() < sizeof(header)) {
    return MessageType{};
  }
  std::memcpy(&header, packet.data(), sizeof(header));
  return header.version == kIpcVersion && header.size == packet.size()
             ? header.type
             : MessageType{};
}

bool Link::Fits(const Packet& packet, std::size_t fixed,
                const Carries& carries) {
  return packet.bytes.size() >= fixed &&
         packet.bytes.size() - fixed <= carries.payload &&
         packet.descriptors.size() >= carries.least_descriptors &&
         packet.descriptors.size() <= carries.most_descriptors;
}

Status Link::SendPacket(ByteView fixed, ByteView payload,
                        std::span<const BorrowedFd> descriptors,
                        std::size_t max_payload) {
  if (payload.size() > max_payload || descriptors.size() > kMaxDescriptors) {
    return Error{Code::kApiMisuse, "a message carries too much"};
  }
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  ssize_t sent = -1;
  do {
    sent =
        descriptors.empty()
            ? SendPlain(socket_.borrow(), fixed, payload, kFlags)
            : SendWith(socket_.borrow(), fixed, payload, descriptors, kFlags);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0 ? Status(Ok{}) : SendError(errno);
}

Result<std::optional<Link::Packet>> Link::ReceivePacket(
    Descriptors descriptors) {
  if (buffer_ == nullptr) {
    buffer_ = std::make_unique<Buffer>();
  }
  iovec piece{buffer_->data(), buffer_->size()};
  ControlBuffer control;
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (descriptors == Descriptors::kTake) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
  }
  ssize_t size = TakePacket(socket_.borrow(), message);
  // It left something unread as it closed, which is told once. What it sent
  // before is still there.
  if (size < 0 && errno == ECONNRESET) {
    size = TakePacket(socket_.borrow(), message);
  }
  if (size < 0 && errno == EAGAIN) {
    return std::optional<Packet>();
  }
  if (size < 0 && errno != ECONNRESET) {
    return Error{Code::kSystemFailed, "cannot receive on a link", errno};
  }
  if (size <= 0) {
    return Error{Code::kPeerClosed, "a link was closed"};
  }
  Packet packet{ByteView(*buffer_).first(static_cast<std::size_t>(size)),
                TakeDescriptors(message)};
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return Error{Code::kApiMisuse, "a message was cut off"};
  }
  return std::optional<Packet>(std::move(packet));
}

std::size_t Link::unread() const {
  int bytes = 0;
  return ::ioctl(socket_.raw(), SIOCOUTQ, &bytes) == 0
             ? static_cast<std::size_t>(bytes)
             : 0;
}

Status Link::WaitWritable() {
  pollfd waiting{socket_.raw(), POLLOUT, 0};
  if (::poll(&waiting, 1, -1) < 0 && errno != EINTR) {
    return Error{Code::kSystemFailed, "cannot wait for a link", errno};
  }
  return Ok{};
}

Result<std::pair<OwnedFd, OwnedFd>> MakeLinkPair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) !=
      0) {
    return Error{Code::kNoDescriptors, "cannot make a link", errno};
  }
  for (const int end : ends) {
    // Beyond net.core.wmem_max where we may; the default also works.
    if (::setsockopt(end, SOL_SOCKET, SO_SNDBUFFORCE, &kQueueBytes,
                     sizeof(kQueueBytes)) != 0) {
      ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kQueueBytes,
                   sizeof(kQueueBytes));
    }
  }
  return std::pair(OwnedFd(ends[0]), OwnedFd(ends[1]));
}

}  // namespace ktlsd::agent
