#include "agent/ipc/link.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
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

// How many messages were there, or -1.
int TakePackets(BorrowedFd socket, std::span<mmsghdr> messages) {
  for (;;) {
    const int count = ::recvmmsg(socket.raw(), messages.data(),
                                 static_cast<unsigned>(messages.size()),
                                 MSG_DONTWAIT | MSG_CMSG_CLOEXEC, nullptr);
    if (count >= 0 || errno != EINTR) {
      return count;
    }
  }
}

}  // namespace

bool BrokeRules(const Error& error) {
  return error.code != Code::kPeerClosed && error.code != Code::kSystemFailed &&
         error.code != Code::kNoMemory;
}

Result<Link::Buffers> Link::Buffers::Map(std::size_t count) {
  void* const pages =
      ::mmap(nullptr, count * sizeof(Buffer), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    return Error{Code::kNoMemory, "no room for a link's messages", errno};
  }
  Buffers mapped;
  mapped.buffers_ = std::span(static_cast<Buffer*>(pages), count);
  // What most messages need is taken now; later only a long one takes more.
  for (Buffer& buffer : mapped.buffers_) {
    buffer[0] = 0;
  }
  return mapped;
}

void Link::Buffers::Use(std::size_t i, std::size_t bytes) {
  used_.at(i) = std::max(used_.at(i), bytes);
}

void Link::Buffers::Wipe(std::size_t count) {
  for (std::size_t i = 0; i < std::min(count, buffers_.size()); ++i) {
    ::explicit_bzero(buffers_[i].data(), std::exchange(used_.at(i), 0));
  }
}

void Link::Buffers::Unmap() {
  if (!buffers_.empty()) {
    Wipe(buffers_.size());
    ::munmap(buffers_.data(), buffers_.size_bytes());
  }
}

void Link::Wipe() { buffers_.Wipe(next_); }

void Link::TakeSeveral() {
  at_once_ = kMostAtOnce;
  buffers_ = Buffers();
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
  if (sent < 0) {
    return SendError(errno);
  }
  ++sent_;
  return Ok{};
}

void Link::GiveBell() {
  Result<std::pair<OwnedFd, OwnedFd>> pair = MakeLinkPair();
  if (pair.ok()) {
    const BorrowedFd theirs = pair->second.borrow();
    if (Send(TakeBell(), {}, std::span(&theirs, 1)).ok()) {
      bell_ = std::move(pair->first);
    }
  }
}

// A bell whose queue is full rings already.
void Link::Ring() {
  silent_ = 0;
  if (bell_.valid()) {
    const Wake wake{{kIpcVersion, Wake::kType, sizeof(Wake)}};
    SendPlain(bell_.borrow(), BytesOf(wake), {}, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

Result<std::optional<Link::Packet>> Link::ReceivePacket(
    Descriptors descriptors) {
  if (!taken()) {
    if (std::exchange(emptied_, false)) {
      return std::optional<Packet>();
    }
    ASSIGN_OR_RETURN(const std::size_t count, Fetch(descriptors));
    if (count == 0) {
      return std::optional<Packet>();
    }
    emptied_ = at_once_ > 1 && count < at_once_;
  }
  const std::size_t at = next_++;
  Taken& taken = taken_[at];
  if (taken.size == 0) {
    return Error{Code::kPeerClosed, "a link was closed"};
  }
  if (taken.cut) {
    return Error{Code::kApiMisuse, "a message was cut off"};
  }
  return std::optional<Packet>(Packet{ByteView(buffers_[at]).first(taken.size),
                                      std::move(taken.descriptors)});
}

Result<std::size_t> Link::Fetch(Descriptors descriptors) {
  if (buffers_.size() == 0) {
    ASSIGN_OR_RETURN(buffers_, Buffers::Map(at_once_));
  }
  taken_.clear();
  next_ = 0;
  std::array<iovec, kMostAtOnce> pieces{};
  std::array<ControlBuffer, kMostAtOnce> controls;
  std::array<mmsghdr, kMostAtOnce> all{};
  const auto messages = std::span(all).first(at_once_);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    pieces[i] = {buffers_[i].data(), buffers_[i].size()};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    if (descriptors == Descriptors::kTake) {
      messages[i].msg_hdr.msg_control = controls[i].bytes.data();
      messages[i].msg_hdr.msg_controllen = controls[i].bytes.size();
    }
  }
  int count = TakePackets(socket_.borrow(), messages);
  // It left something unread as it closed, which is told once. What it sent
  // before is still there.
  if (count < 0 && errno == ECONNRESET) {
    count = TakePackets(socket_.borrow(), messages);
  }
  if (count < 0 && errno == EAGAIN) {
    return std::size_t{0};
  }
  if (count < 0) {
    return errno == ECONNRESET
               ? Error{Code::kPeerClosed, "a link was closed"}
               : Error{Code::kSystemFailed, "cannot receive on a link", errno};
  }
  for (mmsghdr& one : messages.first(static_cast<std::size_t>(count))) {
    const std::size_t at = taken_.size();
    buffers_.Use(at, one.msg_len);
    taken_.push_back({one.msg_len,
                      (one.msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0,
                      TakeDescriptors(one.msg_hdr)});
  }
  return taken_.size();
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
