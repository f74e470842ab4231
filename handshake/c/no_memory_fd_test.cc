// Memory that runs out while ktlsd_handshake_fd drives both ends of a TCP
// connection: over this kernel, which may have no TLS, and over one that has
// it and whose keys can be looked at.

#include <fcntl.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <utility>

#include "base/owned_fd.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/offload.h"
#include "handshake/c/testing/c_pair.h"
#include "handshake/c/testing/failing_memory.h"
#include "handshake/c/testing/this_kernel.h"
#include "ktls/loopback.h"
#include "ktls/testing/fake_socket_ops.h"

namespace ktlsd::handshake {
namespace {

// A fake kernel, whose memory is its own.
class OtherKernel final : public ktls::SocketOps {
 public:
  OtherKernel() : fake_(Make()) {}
  ~OtherKernel() override = default;
  OtherKernel(const OtherKernel&) = delete;
  OtherKernel& operator=(const OtherKernel&) = delete;

  const ktls::FakeSocketOps& fake() const { return fake_; }

  Status SetOption(BorrowedFd socket, int level, int name,
                   ByteView value) override {
    const Uncounted mine;
    return fake_.SetOption(socket, level, name, value);
  }
  Result<std::size_t> GetOption(BorrowedFd socket, int level, int name,
                                std::span<uint8_t> value) override {
    const Uncounted mine;
    return fake_.GetOption(socket, level, name, value);
  }
  Result<short> Poll(BorrowedFd socket, short events) override {
    const Uncounted mine;
    return fake_.Poll(socket, events);
  }
  // The connection is a real one: the peer must be told.
  Status Shutdown(BorrowedFd socket, int how) override {
    const Uncounted mine;
    ::shutdown(socket.raw(), how);
    return fake_.Shutdown(socket, how);
  }

 private:
  static ktls::FakeSocketOps Make() {
    const Uncounted mine;
    return ktls::FakeSocketOps();
  }

  ktls::FakeSocketOps fake_;
};

struct End {
  EnginePtr engine = nullptr;
  OwnedFd socket = OwnedFd();
  int code = KTLSD_OK;
  int wait = KTLSD_WANT_READ;

  bool over() const { return code != KTLSD_OK || wait == KTLSD_DONE; }
};

// Whether this end of the connection sends nothing any more.
bool SendingEnded(const End& end) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  EXPECT_EQ(::getsockopt(end.socket.raw(), IPPROTO_TCP, TCP_INFO, &info, &size),
            0);
  return info.tcpi_state != TCP_ESTABLISHED &&
         info.tcpi_state != TCP_CLOSE_WAIT;
}

void ExpectEnded(const End& end) {
  EXPECT_TRUE(end.code == KTLSD_OK || !end.engine || SendingEnded(end))
      << ktlsd_code_name(end.code);
}

// Waits for what the ends wait for. False when nothing comes.
bool Ready(const std::array<End*, 2>& ends) {
  std::array<pollfd, 2> waiting{};
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const short events = ends[i]->wait == KTLSD_WANT_WRITE ? POLLOUT : POLLIN;
    waiting[i] = {ends[i]->over() ? -1 : ends[i]->socket.raw(), events, 0};
  }
  return ::poll(waiting.data(), waiting.size(), 10'000) > 0;
}

// Runs both ends as a program with one thread does; `go(end)` calls the entry.
// An end that never comes to its end is a test that fails.
template <typename Go>
void RunBoth(const ktlsd_config* client_config,
             const ktlsd_config* server_config, End& client, End& server,
             Go&& go) {
  ktls::SocketPair pair = ktls::ConnectLoopback().value();
  client.socket = std::move(pair.client);
  server.socket = std::move(pair.server);
  client.engine = NewEngine(client_config);
  server.engine = NewEngine(server_config);
  if (!client.engine || !server.engine) {
    client = {.code = KTLSD_NO_MEMORY};
    server = {.code = KTLSD_NO_MEMORY};
    return;
  }
  const std::array<End*, 2> ends = {&client, &server};
  for (const End* end : ends) {
    ASSERT_EQ(::fcntl(end->socket.raw(), F_SETFL, O_NONBLOCK), 0);
  }
  while (!client.over() || !server.over()) {
    for (End* end : ends) {
      if (!end->over()) {
        end->code = go(*end);
      }
    }
    ASSERT_TRUE((client.over() && server.over()) || Ready(ends))
        << "waits for ever: " << ktlsd_code_name(client.code) << ", "
        << ktlsd_code_name(server.code);
  }
}

ConfigPtr PskConfig(int (*entry)(ktlsd_config**)) {
  ktlsd_config* config = nullptr;
  EXPECT_EQ(entry(&config), KTLSD_OK);
  EXPECT_EQ(ktlsd_config_add_psk(config, "mine", 4, "key", 3, 0), KTLSD_OK);
  return ConfigPtr(config);
}

struct Codes {
  int client = KTLSD_OK;
  int server = KTLSD_OK;
  bool operator==(const Codes&) const = default;
};

// Over this kernel.
Codes OverThisKernel(const ktlsd_config* client_config,
                     const ktlsd_config* server_config) {
  End client;
  End server;
  RunBoth(client_config, server_config, client, server, [](End& end) {
    return ktlsd_handshake_fd(end.engine.get(), end.socket.raw(), &end.wait);
  });
  ExpectEnded(client);
  ExpectEnded(server);
  return {client.code, server.code};
}

// Both ends take `suite`.
void TryOverThisKernel(const char* what, long least, CipherSuite suite,
                       const ktlsd_config* client, const ktlsd_config* server) {
  const int expected = OffloadByThisKernel(suite);
  const Codes usual = {expected, expected};
  ASSERT_EQ(OverThisKernel(client, server), usual);
  std::printf("this kernel: %s\n", ktlsd_code_name(expected));
  FailEachAllocation(
      what, least, [&] { return OverThisKernel(client, server); },
      [&](const Codes& codes) {
        for (const int code : {codes.client, codes.server}) {
          EXPECT_NE(code, KTLSD_API_MISUSE);
          EXPECT_NE(code, KTLSD_INTERNAL);
        }
        return codes == usual;
      });
}

TEST(HandshakeFdWithoutMemory, ByCertificate) {
  const CPki pki;
  const ConfigPtr client = NewClientConfig(pki);
  const ConfigPtr server = NewServerConfig(pki, KTLSD_CLIENT_AUTH_NONE);
  TryOverThisKernel("ktlsd_handshake_fd by certificate", 500,
                    CipherSuite::kAes256GcmSha384, client.get(), server.get());
}

TEST(HandshakeFdWithoutMemory, ByPsk) {
  TryOverThisKernel("ktlsd_handshake_fd by PSK", 200,
                    CipherSuite::kAes128GcmSha256,
                    PskConfig(ktlsd_config_new_client).get(),
                    PskConfig(ktlsd_config_new_server).get());
}

// An end has a socket keyed both ways, or one over which nothing is sent any
// more; when it may be half keyed, nothing is received either.
void ExpectSound(const End& end, const ktls::FakeSocketOps& kernel) {
  ExpectEnded(end);
  if (end.code == KTLSD_OK) {
    EXPECT_TRUE(kernel.keyed_both_ways());
  } else if (!kernel.keys(TLS_RX).empty() || !kernel.keys(TLS_TX).empty()) {
    EXPECT_EQ(kernel.calls().back().substr(0, 8), "shutdown");
  }
}

TEST(HandshakeFdWithoutMemory, InstallsBothKeysOrShutsDown) {
  const ConfigPtr client_config = PskConfig(ktlsd_config_new_client);
  const ConfigPtr server_config = PskConfig(ktlsd_config_new_server);
  const auto run = [&] {
    OtherKernel client_kernel;
    OtherKernel server_kernel;
    End client;
    End server;
    RunBoth(client_config.get(), server_config.get(), client, server,
            [&](End& end) {
              return HandshakeFd(
                  end.engine.get(), end.socket.raw(), &end.wait,
                  &end == &client ? client_kernel : server_kernel);
            });
    const Uncounted looking;
    ExpectSound(client, client_kernel.fake());
    ExpectSound(server, server_kernel.fake());
    return Codes{client.code, server.code};
  };
  FailEachAllocation("ktlsd_handshake_fd with kTLS", 200, run,
                     [](const Codes& codes) { return codes == Codes(); });
}

}  // namespace
}  // namespace ktlsd::handshake
