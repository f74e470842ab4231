#include "agent/netlink/netlink_socket.h"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>

namespace ktlsd::agent {
namespace {

// From one process to another, which anybody may.
constexpr int kProtocol = NETLINK_USERSOCK;

void Send(const NetlinkSocket& from, const NetlinkSocket& to, int messages) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_pid = to.port();
  const std::array<uint8_t, 64> message{};
  for (int i = 0; i < messages; ++i) {
    ASSERT_EQ(
        ::sendto(from.fd().raw(), message.data(), message.size(), 0,
                 reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
        static_cast<ssize_t>(message.size()));
  }
}

TEST(NetlinkSocket, ReadsAwayWhatIsThere) {
  const auto from = OpenNetlinkSocket(kProtocol);
  const auto to = OpenNetlinkSocket(kProtocol);
  if (!from.ok() || !to.ok()) {
    GTEST_SKIP() << "no netlink here";
  }
  EXPECT_FALSE((*to)->Discard().value());
  for (const int messages : {1, 15, 16, 40}) {
    Send(**from, **to, messages);
    while ((*to)->Discard().value()) {
    }
    std::array<uint8_t, 128> buffer;
    EXPECT_FALSE((*to)->Receive(buffer)->has_value()) << messages;
  }
}

TEST(NetlinkSocket, SaysWhetherMoreMayBeThere) {
  const auto from = OpenNetlinkSocket(kProtocol);
  const auto to = OpenNetlinkSocket(kProtocol);
  if (!from.ok() || !to.ok()) {
    GTEST_SKIP() << "no netlink here";
  }
  Send(**from, **to, 17);
  EXPECT_TRUE((*to)->Discard().value());
  EXPECT_FALSE((*to)->Discard().value());
}

}  // namespace
}  // namespace ktlsd::agent
