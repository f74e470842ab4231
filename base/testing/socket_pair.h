// Two ends of a non-blocking stream: ours, which is watched, and the peer's.
//
// Layer:     base, tests only.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/owned_fd.h"

namespace ktlsd {

struct SocketPair {
  OwnedFd ours;
  OwnedFd theirs;

  SocketPair() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    ours = OwnedFd(ends[0]);
    theirs = OwnedFd(ends[1]);
  }
  void Send() const { EXPECT_EQ(::send(theirs.raw(), "x", 1, 0), 1); }
  void Read() const {
    char byte = 0;
    EXPECT_EQ(::recv(ours.raw(), &byte, 1, 0), 1);
  }
};

}  // namespace ktlsd
