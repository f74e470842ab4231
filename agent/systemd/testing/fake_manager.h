// A service manager that records what it is told.
//
// Layer:     agent/systemd, tests only.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/owned_fd.h"

namespace ktlsd::agent {

class FakeManager {
 public:
  struct Told {
    std::string text;
    OwnedFd descriptor;  // that came with it
  };

  // At an abstract address, which no two of these share.
  FakeManager() : FakeManager('@' + Unique()) {}
  explicit FakeManager(std::string address) : address_(std::move(address)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, address_.data(), address_.size());
    if (address_[0] == '@') {
      name.sun_path[0] = '\0';
    }
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                             address_.size());
    EXPECT_EQ(
        ::bind(socket_.raw(), reinterpret_cast<const sockaddr*>(&name), size),
        0)
        << address_;
  }

  const std::string& address() const { return address_; }

  // All that came since the last call.
  std::vector<Told> Messages() {
    std::vector<Told> messages;
    for (;;) {
      std::array<char, 4096> text;
      alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control;
      iovec piece{text.data(), text.size()};
      msghdr message{};
      message.msg_iov = &piece;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      const ssize_t size =
          ::recvmsg(socket_.raw(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
      if (size < 0) {
        return messages;
      }
      messages.push_back({std::string(text.data(), text.data() + size), {}});
      if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) {
        int number = -1;
        std::memcpy(&number, CMSG_DATA(header), sizeof(number));
        messages.back().descriptor = OwnedFd(number);
      }
    }
  }
  std::vector<std::string> Texts() {
    std::vector<std::string> texts;
    for (const Told& told : Messages()) {
      texts.push_back(told.text);
    }
    return texts;
  }

 private:
  static std::string Unique() {
    static int count = 0;
    return "ktlsd-test-" + std::to_string(::getpid()) + '-' +
           std::to_string(++count);
  }

  std::string address_;
  OwnedFd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

}  // namespace ktlsd::agent
