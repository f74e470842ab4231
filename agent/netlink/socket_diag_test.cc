#include "agent/netlink/socket_diag.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "ktls/loopback.h"

namespace ktlsd::agent {
namespace {

constexpr uint32_t kPort = 4711;

// What the kernel got, and says next.
struct FakeKernel {
  Bytes asked;
  int os_error = 0;
  uint32_t sender = 0;
  int wrong_sequence = 0;  // added to the answer's
  uint16_t type = SOCK_DESTROY;
  bool silent = false;
};

class FakeSocket final : public NetlinkSocket {
 public:
  explicit FakeSocket(FakeKernel& kernel) : kernel_(kernel) {}
  BorrowedFd fd() const override { return BorrowedFd(-1); }
  uint32_t port() const override { return kPort; }
  Status Send(ByteView message) override {
    kernel_.asked.assign(message.begin(), message.end());
    if (!kernel_.silent) {
      answer_ = Answer();
    }
    return Ok{};
  }
  Result<std::optional<Datagram>> Receive(std::span<uint8_t> buffer) override {
    if (answer_.empty()) {
      return std::optional<Datagram>();
    }
    std::ranges::copy(answer_, buffer.begin());
    const std::size_t size = std::exchange(answer_, {}).size();
    return std::optional(
        Datagram{ByteView(buffer).first(size), kernel_.sender, false});
  }
  Result<bool> Discard() override { return false; }
  Status Join(uint32_t) override { return Ok{}; }

 private:
  Bytes Answer() const {
    nlmsghdr asked{};
    std::memcpy(&asked, kernel_.asked.data(), sizeof(asked));
    asked.nlmsg_type = kernel_.type;
    struct {
      nlmsghdr header;
      nlmsgerr error;
    } answer{};
    answer.header.nlmsg_len = sizeof(answer);
    answer.header.nlmsg_type = NLMSG_ERROR;
    answer.header.nlmsg_seq =
        asked.nlmsg_seq + static_cast<uint32_t>(kernel_.wrong_sequence);
    answer.header.nlmsg_pid = kPort;
    answer.error.error = -kernel_.os_error;
    answer.error.msg = asked;
    Bytes bytes(sizeof(answer));
    std::memcpy(bytes.data(), &answer, sizeof(answer));
    return bytes;
  }

  FakeKernel& kernel_;
  Bytes answer_;
};

class SocketDiagTest : public ::testing::Test {
 protected:
  // The errno of an abort, 0 for success.
  int Abort(const ConnectionName& connection) {
    const Status aborted = diag_->Abort(connection);
    return aborted.ok() ? 0 : aborted.error().os_error;
  }

  FakeKernel kernel_;
  std::unique_ptr<SocketDiag> diag_ =
      MakeSocketDiag(std::make_unique<FakeSocket>(kernel_));
};

TEST_F(SocketDiagTest, NamesTheConnectionAsTheKernelKnowsIt) {
  const auto pair = ktls::ConnectLoopback().value();
  const auto name = NameOfConnection(pair.server.borrow());
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(Abort(*name), 0);
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } asked{};
  ASSERT_EQ(kernel_.asked.size(), sizeof(asked));
  std::memcpy(&asked, kernel_.asked.data(), sizeof(asked));
  EXPECT_EQ(asked.header.nlmsg_type, SOCK_DESTROY);
  EXPECT_EQ(asked.header.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
  EXPECT_EQ(asked.request.sdiag_family, AF_INET);
  EXPECT_EQ(asked.request.sdiag_protocol, IPPROTO_TCP);
  sockaddr_in own{};
  socklen_t size = sizeof(own);
  ::getsockname(pair.server.raw(), reinterpret_cast<sockaddr*>(&own), &size);
  EXPECT_EQ(asked.request.id.idiag_sport, own.sin_port);
  EXPECT_EQ(asked.request.id.idiag_src[0], own.sin_addr.s_addr);
  EXPECT_EQ(asked.request.id.idiag_dst[0], htonl(INADDR_LOOPBACK));
  uint64_t cookie = 0;
  size = sizeof(cookie);
  ::getsockopt(pair.server.raw(), SOL_SOCKET, SO_COOKIE, &cookie, &size);
  EXPECT_EQ(asked.request.id.idiag_cookie[0], static_cast<uint32_t>(cookie));
  EXPECT_EQ(asked.request.id.idiag_cookie[1],
            static_cast<uint32_t>(cookie >> 32));
}

// Without its cookie the kernel would end whatever has the addresses now.
TEST_F(SocketDiagTest, TellsConnectionsApartByTheirCookies) {
  const auto one = ktls::ConnectLoopback().value();
  const auto other = ktls::ConnectLoopback().value();
  const auto first = NameOfConnection(one.server.borrow());
  const auto second = NameOfConnection(other.server.borrow());
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_NE(first->cookie, 0U);
  EXPECT_NE(first->cookie, second->cookie);
}

TEST_F(SocketDiagTest, NamesNothingElse) {
  const OwnedFd unconnected(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_FALSE(NameOfConnection(unconnected.borrow()).has_value());
  int ends[2] = {-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const OwnedFd first(ends[0]);
  const OwnedFd second(ends[1]);
  EXPECT_FALSE(NameOfConnection(first.borrow()).has_value());
}

TEST_F(SocketDiagTest, TellsWhyTheKernelDoesNot) {
  for (const int error : {ENOENT, EOPNOTSUPP, EPERM}) {
    kernel_.os_error = error;
    EXPECT_EQ(Abort({}), error);
  }
}

TEST_F(SocketDiagTest, BelievesNoAnswerToSomethingElse) {
  kernel_.wrong_sequence = -1;
  EXPECT_EQ(Abort({}), ENOBUFS);
  kernel_.wrong_sequence = 0;
  kernel_.sender = 7;  // somebody else's port
  EXPECT_EQ(Abort({}), ENOBUFS);
  kernel_.sender = 0;
  kernel_.type = SOCK_DIAG_BY_FAMILY;
  EXPECT_FALSE(diag_->Abort({}).ok());
  kernel_.silent = true;
  EXPECT_EQ(Abort({}), ENOBUFS);
}

}  // namespace
}  // namespace ktlsd::agent
