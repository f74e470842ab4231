// Who else is a member of the group "tlshd": another agent, which takes
// requests that are ours.
//
// Scope:     reads the kernel's table of netlink sockets, which stays that of
//            the network namespace in which it was opened.
// Layer:     agent/netlink.
// Threads:   one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

struct Listener {
  ino_t inode = 0;
  uint32_t port = 0;  // often the process id of who opened it

  bool operator==(const Listener&) const = default;
};

// The members of `group` in a text like /proc/net/netlink. The table shows the
// first 32 groups only: of a group beyond nobody is known. At most 64.
std::vector<Listener> ListenersIn(std::string_view table, uint32_t group);

class Listeners {
 public:
  Listeners() = default;  // knows of nobody
  // `table` can be read from its start again and again; `own` is the socket of
  // this process.
  Listeners(OwnedFd table, BorrowedFd own, uint32_t group);
  // With the kernel's table of this thread's network namespace.
  static Listeners Here(BorrowedFd own, uint32_t group);

  // The others who were not there at the last look. Nobody, if the table cannot
  // be read.
  std::vector<Listener> Newcomers();

 private:
  OwnedFd table_;
  ino_t own_ = 0;
  uint32_t group_ = 0;
  std::vector<Listener> seen_;
};

}  // namespace ktlsd::agent
