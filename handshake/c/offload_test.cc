// Handshakes over real sockets, with a kernel for their keys that can be made
// to fail.
#include "handshake/c/offload.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "base/error_codes.h"
#include "base/owned_fd.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/testing/c_pair.h"
#include "handshake/c/testing/this_kernel.h"
#include "ktls/loopback.h"
#include "ktls/testing/fake_socket_ops.h"

namespace ktlsd::handshake {
namespace {

using ktls::ConnectLoopback;
using ktls::FakeKernel;
using ktls::FakeSocketOps;
using ktls::SocketPair;

// One end: an engine, its socket, its kernel.
struct End {
  EnginePtr engine;
  OwnedFd socket;
  FakeSocketOps ops;
  Result<ktlsd_wait> last = KTLSD_WANT_READ;

  bool over() const { return !last.ok() || *last == KTLSD_DONE; }
  bool done() const { return last.ok() && *last == KTLSD_DONE; }
  void Go() { last = HandshakeOver(*engine, socket.borrow(), ops); }
};

class Offload : public testing::Test {
 protected:
  Offload() : client_config_(NewClientConfig(pki_)) {
    server_config_ = NewServerConfig(pki_, KTLSD_CLIENT_AUTH_REQUIRE);
    SocketPair pair = ConnectLoopback().value();
    client_.socket = std::move(pair.client);
    server_.socket = std::move(pair.server);
    Begin();
  }

  void Begin() {
    client_.engine = NewEngine(client_config_.get());
    server_.engine = NewEngine(server_config_.get());
  }

  void DontBlock() {
    for (const End* end : {&client_, &server_}) {
      ASSERT_EQ(::fcntl(end->socket.raw(), F_SETFL, O_NONBLOCK), 0);
    }
  }

  // Each goes on when its socket is ready, until both are over.
  void RunByPoll() {
    while (!client_.over() || !server_.over()) {
      for (End* end : {&client_, &server_}) {
        if (!end->over()) {
          end->Go();
        }
      }
      WaitForEither();
    }
  }

  void WaitForEither() {
    std::vector<pollfd> waiting;
    for (const End* end : {&client_, &server_}) {
      if (!end->over()) {
        const bool reads = *end->last == KTLSD_WANT_READ;
        waiting.push_back({end->socket.raw(),
                           static_cast<short>(reads ? POLLIN : POLLOUT), 0});
      }
    }
    if (!waiting.empty()) {
      ASSERT_GT(::poll(waiting.data(), waiting.size(), 10'000), 0);
    }
  }

  // Each in a thread of its own, in one call.
  void RunBlocking() {
    std::thread server([this] { server_.Go(); });
    client_.Go();
    server.join();
  }

  CPki pki_;
  ConfigPtr client_config_;
  ConfigPtr server_config_;
  End client_;
  End server_;
};

TEST_F(Offload, LeavesAKeyedSocketOnBothSides) {
  RunBlocking();
  ASSERT_TRUE(client_.done()) << client_.last.error().what;
  ASSERT_TRUE(server_.done()) << server_.last.error().what;
  EXPECT_TRUE(client_.ops.keyed_both_ways());
  EXPECT_TRUE(server_.ops.keyed_both_ways());
  EXPECT_FALSE(client_.ops.keys_were_read() || client_.ops.error_was_read());
}

TEST_F(Offload, GoesOnByPoll) {
  DontBlock();
  RunByPoll();
  EXPECT_TRUE(client_.done() && server_.done());
  EXPECT_TRUE(client_.ops.keyed_both_ways());
  EXPECT_TRUE(server_.ops.keyed_both_ways());
}

// What the peer sends right behind its Finished is the kernel's to read.
TEST_F(Offload, LeavesWhatFollowsInTheSocket) {
  DontBlock();
  // The client ends first, and sends; the server has not read its Finished.
  while (!client_.over()) {
    client_.Go();
    if (!client_.over()) {
      server_.Go();
    }
  }
  ASSERT_TRUE(client_.done());
  const std::string behind(100, 'x');
  ASSERT_EQ(::send(client_.socket.raw(), behind.data(), behind.size(), 0), 100);
  server_.Go();
  ASSERT_TRUE(server_.done()) << server_.last.error().what;
  std::array<char, 200> rest;
  EXPECT_EQ(::recv(server_.socket.raw(), rest.data(), rest.size(), 0), 100);
}

TEST_F(Offload, InstallsOnceAndLeavesTheKeyedSocketInUse) {
  RunBlocking();
  ASSERT_TRUE(client_.done());
  client_.Go();
  ASSERT_FALSE(client_.last.ok());
  EXPECT_EQ(client_.last.error().code, Code::kApiMisuse);
  EXPECT_EQ(::send(client_.socket.raw(), "x", 1, MSG_NOSIGNAL), 1);
  EXPECT_EQ(InstallKeys(*client_.engine, client_.socket.borrow(), client_.ops)
                .error()
                .code,
            Code::kApiMisuse);
}

TEST_F(Offload, ShutsDownWhatMayBeHalfKeyed) {
  // TCP_ULP, TLS_RX, then TLS_TX.
  client_.ops.FailCall(3, ENOMEM);
  RunBlocking();
  ASSERT_FALSE(client_.last.ok());
  EXPECT_EQ(client_.last.error().code, Code::kNoMemory);
  EXPECT_EQ(client_.ops.calls().back().substr(0, 8), "shutdown");
  uint16_t suite = 0;
  EXPECT_EQ(ktlsd_session_suite(client_.engine.get(), &suite),
            KTLSD_API_MISUSE);
}

TEST_F(Offload, OnlyEndsSendingOverASocketThatWasNotTouched) {
  client_.ops = FakeSocketOps(FakeKernel{.tls_module = false});
  RunBlocking();
  ASSERT_FALSE(client_.last.ok());
  EXPECT_EQ(client_.last.error().code, Code::kKernelLacksTls);
  for (const std::string& call : client_.ops.calls()) {
    EXPECT_EQ(call.find("shutdown"), std::string::npos) << call;
  }
  char byte = 0;
  EXPECT_EQ(::recv(server_.socket.raw(), &byte, 1, 0), 0);
}

TEST_F(Offload, BelievesOnlyWhatItReadsBack) {
  client_.ops.SetPendingEvents(POLLERR);
  RunBlocking();
  ASSERT_FALSE(client_.last.ok());
  EXPECT_EQ(client_.last.error().code, Code::kPeerReset);
}

TEST_F(Offload, TellsARefusedPeerWhyAndEndsSending) {
  ASSERT_EQ(ktlsd_config_set_server_name(client_config_.get(), "else.example"),
            KTLSD_OK);
  Begin();
  RunBlocking();
  ASSERT_FALSE(client_.last.ok());
  EXPECT_EQ(client_.last.error().code, Code::kCertificateNameMismatch);
  ASSERT_FALSE(server_.last.ok());
  EXPECT_EQ(server_.last.error().code, Code::kAlertReceived);
  EXPECT_TRUE(client_.ops.calls().empty());
  EXPECT_TRUE(server_.ops.calls().empty());
  // A FIN, and no RST: both ends have stopped sending.
  char byte = 0;
  EXPECT_EQ(::recv(server_.socket.raw(), &byte, 1, 0), 0);
  EXPECT_EQ(::recv(client_.socket.raw(), &byte, 1, 0), 0);
  // The failure stays.
  client_.Go();
  EXPECT_EQ(client_.last.error().code, Code::kCertificateNameMismatch);
}

TEST_F(Offload, SurvivesAPeerThatIsGone) {
  client_.socket.Close();
  server_.Go();
  ASSERT_FALSE(server_.last.ok());
  EXPECT_EQ(server_.last.error().code, Code::kPeerClosed);
}

TEST_F(Offload, SaysThatAPeerResetTheConnection) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ASSERT_EQ(::setsockopt(server_.socket.raw(), SOL_SOCKET, SO_LINGER, &at_once,
                         sizeof(at_once)),
            0);
  server_.socket.Close();
  client_.Go();
  ASSERT_FALSE(client_.last.ok());
  EXPECT_EQ(client_.last.error().code, Code::kPeerReset);
}

TEST_F(Offload, SaysWhyThoughTheAlertCannotBeSent) {
  const std::string request = "GET / HTTP/1.1";
  ASSERT_EQ(::send(client_.socket.raw(), request.data(), request.size(), 0),
            static_cast<ssize_t>(request.size()));
  ASSERT_EQ(::shutdown(server_.socket.raw(), SHUT_WR), 0);
  server_.Go();
  ASSERT_FALSE(server_.last.ok());
  EXPECT_EQ(server_.last.error().code, Code::kNotTls);
}

TEST_F(Offload, WaitsUntilTheSocketTakesMore) {
  DontBlock();
  const std::array<char, 4096> filling{};
  while (::send(client_.socket.raw(), filling.data(), filling.size(), 0) > 0) {
  }
  ASSERT_TRUE(errno == EAGAIN || errno == EWOULDBLOCK);
  client_.Go();
  ASSERT_TRUE(client_.last.ok());
  EXPECT_EQ(*client_.last, KTLSD_WANT_WRITE);
}

// Whether it waits by then or comes later: how a program ends a handshake that
// cannot be cancelled.
TEST_F(Offload, EndsWhenAnotherThreadShutsTheSocketDown) {
  std::thread server([this] { server_.Go(); });
  EXPECT_EQ(::shutdown(server_.socket.raw(), SHUT_RDWR), 0);
  server.join();
  ASSERT_FALSE(server_.last.ok());
  EXPECT_EQ(server_.last.error().code, Code::kPeerClosed);
}

TEST_F(Offload, RefusesWhatIsNoConnectedSocket) {
  client_.socket = OwnedFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  client_.Go();
  ASSERT_FALSE(client_.last.ok());
  EXPECT_EQ(client_.last.error().code, Code::kSocketFailed);

  server_.socket = OwnedFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  server_.Go();
  ASSERT_FALSE(server_.last.ok());
  EXPECT_EQ(server_.last.error().code, Code::kSocketFailed);
  EXPECT_EQ(server_.last.error().os_error, ENOTCONN);
}

// The entry itself, over this kernel: it keys the socket when the kernel can,
// and says why when it cannot.
TEST_F(Offload, ComesToWhatThisKernelCan) {
  const int expected = OffloadByThisKernel(CipherSuite::kAes256GcmSha384);
  ASSERT_GE(expected, 0);
  int wait = 0;
  int server_code = -1;
  std::thread server([&] {
    int server_wait = 0;
    server_code = ktlsd_handshake_fd(server_.engine.get(), server_.socket.raw(),
                                     &server_wait);
  });
  const int code =
      ktlsd_handshake_fd(client_.engine.get(), client_.socket.raw(), &wait);
  server.join();
  EXPECT_EQ(code, expected) << ktlsd_code_name(code);
  EXPECT_EQ(server_code, expected) << ktlsd_code_name(server_code);
  std::array<char, 16> byte{};
  const auto received = [&] {
    return ::recv(server_.socket.raw(), byte.data(), byte.size(), 0);
  };
  if (expected == KTLSD_OK) {
    EXPECT_EQ(wait, KTLSD_DONE);
    ASSERT_EQ(::send(client_.socket.raw(), "x", 1, MSG_NOSIGNAL), 1);
    EXPECT_EQ(received(), 1);
    EXPECT_EQ(byte[0], 'x');
    std::array<char, 16> ulp{};
    socklen_t size = ulp.size();
    ASSERT_EQ(::getsockopt(client_.socket.raw(), IPPROTO_TCP, TCP_ULP,
                           ulp.data(), &size),
              0);
    EXPECT_STREQ(ulp.data(), "tls");
  } else {
    EXPECT_EQ(wait, 0);
    EXPECT_EQ(received(), 0);  // nothing in the clear
  }
}

}  // namespace
}  // namespace ktlsd::handshake
