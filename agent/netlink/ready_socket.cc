#include "agent/netlink/ready_socket.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <climits>
#include <utility>

namespace ktlsd::agent {
namespace {

constexpr int kReadyQueueBytes = 4 << 20;
constexpr std::size_t kBitsOfWord = 32;
constexpr std::size_t kMostGroupWords = 256;

// -1: none, or no socket.
int IntOption(BorrowedFd fd, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  return ::getsockopt(fd.raw(), SOL_SOCKET, name, &value, &size) == 0 ? value
                                                                      : -1;
}

using GroupWords = std::array<uint32_t, kMostGroupWords>;

// A bit for each group that `fd` is a member of.
GroupWords Memberships(BorrowedFd fd) {
  GroupWords words{};
  socklen_t size = sizeof(words);
  if (::getsockopt(fd.raw(), SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS,
                   words.data(), &size) != 0) {
    return {};
  }
  return words;
}

bool HasGroup(const GroupWords& words, uint32_t group) {
  const std::size_t bit = group - 1;
  return group != 0 && bit / kBitsOfWord < words.size() &&
         (words[bit / kBitsOfWord] >> (bit % kBitsOfWord) & 1U) != 0;
}

bool IsMember(BorrowedFd fd, uint32_t group) {
  return HasGroup(Memberships(fd), group);
}

bool SameFile(BorrowedFd a, BorrowedFd b) {
  struct stat about_a{};
  struct stat about_b{};
  return ::fstat(a.raw(), &about_a) == 0 && ::fstat(b.raw(), &about_b) == 0 &&
         about_a.st_dev == about_b.st_dev && about_a.st_ino == about_b.st_ino;
}

bool IsOfOurNamespace(BorrowedFd fd) {
  const OwnedFd theirs(::ioctl(fd.raw(), SIOCGSKNS));
  const OwnedFd ours(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  return !theirs.valid() || !ours.valid() ||
         SameFile(theirs.borrow(), ours.borrow());
}

Result<OwnedFd> Join(uint32_t group) {
  OwnedFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));
  sockaddr_nl any{};
  any.nl_family = AF_NETLINK;
  if (!fd.valid() ||
      ::bind(fd.raw(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)) !=
          0 ||
      ::setsockopt(fd.raw(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
                   sizeof(group)) != 0) {
    return Error{Code::kNetlinkFailed, "cannot join the group tlshd", errno};
  }
  return fd;
}

}  // namespace

std::string_view OriginName(ReadySocket::Origin origin) {
  switch (origin) {
    case ReadySocket::Origin::kNew:
      return "new";
    case ReadySocket::Origin::kKept:
      return "kept";
    case ReadySocket::Origin::kReplaced:
      return "replaced";
  }
  return "";
}

bool IsReadySocket(BorrowedFd fd, uint32_t group) {
  return IntOption(fd, SO_DOMAIN) == AF_NETLINK &&
         IntOption(fd, SO_PROTOCOL) == NETLINK_GENERIC && IsMember(fd, group) &&
         IsOfOurNamespace(fd);
}

Result<ReadySocket> TakeReadySocket(OwnedFd kept, uint32_t group) {
  ReadySocket ready;
  if (kept.valid() && IsReadySocket(kept.borrow(), group)) {
    ready = {std::move(kept), ReadySocket::Origin::kKept};
  } else {
    ready.origin = kept.valid() ? ReadySocket::Origin::kReplaced
                                : ReadySocket::Origin::kNew;
    ASSIGN_OR_RETURN(ready.fd, Join(group));
  }
  ::setsockopt(ready.fd.raw(), SOL_SOCKET, SO_RCVBUFFORCE, &kReadyQueueBytes,
               sizeof(kReadyQueueBytes));
  return ready;
}

void LeaveGroups(BorrowedFd fd) {
  const GroupWords words = Memberships(fd);
  for (uint32_t group = 1; group <= words.size() * kBitsOfWord; ++group) {
    if (HasGroup(words, group)) {
      ::setsockopt(fd.raw(), SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group,
                   sizeof(group));
    }
  }
}

}  // namespace ktlsd::agent
