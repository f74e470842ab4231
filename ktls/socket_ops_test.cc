#include "ktls/socket_ops.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "base/error_codes.h"
#include "base/owned_fd.h"
#include "gtest/gtest.h"
#include "ktls/loopback.h"

namespace ktlsd::ktls {
namespace {

TEST(KernelSocketOps, SetsReadsPollsAndShutsDown) {
  const SocketPair pair = ConnectLoopback().value();
  const BorrowedFd socket = pair.client.borrow();
  KernelSocketOps ops;
  EXPECT_TRUE(ops.SetOption(socket, SOL_SOCKET, SO_KEEPALIVE,
                            std::array<uint8_t, 4>{1, 0, 0, 1})
                  .ok());
  std::array<uint8_t, 16> value{};
  EXPECT_EQ(*ops.GetOption(socket, SOL_SOCKET, SO_KEEPALIVE, value), 4U);
  EXPECT_EQ(*ops.Poll(socket, POLLIN | POLLOUT), POLLOUT);
  EXPECT_TRUE(ops.Shutdown(socket, SHUT_WR).ok());
  EXPECT_EQ(*ops.Poll(pair.server.borrow(), POLLIN), POLLIN);
}

TEST(KernelSocketOps, ReadsNoUlpFromAPlainSocket) {
  const SocketPair pair = ConnectLoopback().value();
  std::array<uint8_t, 16> name{};
  KernelSocketOps ops;
  EXPECT_EQ(*ops.GetOption(pair.client.borrow(), IPPROTO_TCP, TCP_ULP, name),
            0U);
}

TEST(KernelSocketOps, NamesTheErrno) {
  KernelSocketOps ops;
  const BorrowedFd none(-1);
  std::array<uint8_t, 4> value{};
  EXPECT_EQ(
      ops.SetOption(none, SOL_SOCKET, SO_KEEPALIVE, value).error().os_error,
      EBADF);
  const Error error =
      ops.GetOption(none, SOL_SOCKET, SO_KEEPALIVE, value).error();
  EXPECT_EQ(error.code, Code::kSocketFailed);
  EXPECT_EQ(error.os_error, EBADF);
  EXPECT_EQ(ops.Shutdown(none, SHUT_WR).error().os_error, EBADF);
}

}  // namespace
}  // namespace ktlsd::ktls
