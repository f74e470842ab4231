// Memory that runs out: the n-th allocation fails, for every n, of a whole
// mutual handshake between two programs that use libktlsd, from the loading of
// PEM to exported keying material. Allocations are those of operator new and
// libcrypto's own.
#include <openssl/crypto.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <utility>

#include "base/bytes.h"
#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/testing/c_pair.h"

namespace {

// Global, for operator new is. One thread.
struct Allocations {
  bool counting = false;
  long seen = 0;     // since counting began
  long failing = 0;  // the one that fails, counted from 1; 0: none
  long ours = 0;     // of operator new, not freed
  bool ours_failed = false;
};
Allocations allocations;

bool Fails() {
  return allocations.counting && ++allocations.seen == allocations.failing;
}

void* CryptoMalloc(size_t size, const char*, int) {
  return Fails() ? nullptr : std::malloc(size);
}
void* CryptoRealloc(void* old, size_t size, const char*, int) {
  return Fails() ? nullptr : std::realloc(old, size);
}
void CryptoFree(void* memory, const char*, int) { std::free(memory); }

// Before libcrypto allocates for the first time.
const bool replaced =
    CRYPTO_set_mem_functions(CryptoMalloc, CryptoRealloc, CryptoFree) == 1;

}  // namespace

void* operator new(std::size_t size) {
  void* const memory = Fails() ? nullptr : std::malloc(size);
  if (memory == nullptr) {
    allocations.ours_failed = true;
    throw std::bad_alloc();
  }
  ++allocations.ours;
  return memory;
}
void operator delete(void* memory) noexcept {
  allocations.ours -= memory == nullptr ? 0 : 1;
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  operator delete(memory);
}

namespace ktlsd::handshake {
namespace {

constexpr std::size_t kRoom = 1U << 16;  // bytes of one direction

// Every how many allocations one fails: each of them, but where the address
// sanitizer, which looks for leaks, makes that take many minutes. A prime, so
// that no pattern of the code's own hides behind it.
#if defined(__SANITIZE_ADDRESS__)
constexpr long kStep = 31;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr long kStep = 31;
#else
constexpr long kStep = 1;
#endif
#else
constexpr long kStep = 1;
#endif

// What `run` returns with the allocation number `failing` failing; 0: none.
// `run` must not allocate but through libktlsd, nor keep anything.
template <typename Run>
auto WithFailure(long failing, Run&& run) {
  const long before = allocations.ours;
  allocations.seen = 0;
  allocations.failing = failing;
  allocations.ours_failed = false;
  allocations.counting = true;
  auto outcome = run();
  allocations.counting = false;
  EXPECT_EQ(allocations.ours, before) << "leaked at allocation " << failing;
  return outcome;
}

// How many allocations `run` makes, once the process has made what it keeps.
template <typename Run>
long CountAllocations(Run&& run) {
  run();
  WithFailure(0, run);
  return allocations.seen;
}

void Report(const char* what, long points, long failed) {
  std::printf(
      "%s: %ld of %ld allocations failed in turn, %ld ended in an "
      "error\n",
      what, (points + kStep - 1) / kStep, points, failed);
}

// libcrypto gets by without many of its allocations (a decoder that fails is
// followed by the next one); we without none of ours.
TEST(NoMemory, EndsLoadingInAnErrorOrSuccess) {
  ASSERT_TRUE(replaced);
  const CPki pki;
  const auto load = [&pki] {
    const ConfigPtr client = NewClientConfig(pki);
    const ConfigPtr server = NewServerConfig(pki, KTLSD_CLIENT_AUTH_REQUIRE);
    return client != nullptr && server != nullptr;
  };
  const long points = CountAllocations(load);
  ASSERT_GT(points, 1000);
  long failed = 0;
  for (long n = 1; n <= points; n += kStep) {
    const bool loaded = WithFailure(n, load);
    failed += loaded ? 0 : 1;
    ASSERT_FALSE(loaded && allocations.ours_failed) << n;
  }
  EXPECT_TRUE(WithFailure(0, load));
  Report("loading", points, failed);
}

// How both ends came out.
struct Outcome {
  int client = KTLSD_NO_MEMORY;
  int server = KTLSD_NO_MEMORY;
  bool exported = false;

  bool success() const {
    return client == KTLSD_OK && server == KTLSD_OK && exported;
  }
};

// A mutual handshake, and an export from it.
Outcome Handshake(const ktlsd_config* client_config,
                  const ktlsd_config* server_config, CEnd& client,
                  CEnd& server) {
  const EnginePtr client_engine = NewEngine(client_config);
  const EnginePtr server_engine = NewEngine(server_config);
  if (!client_engine || !server_engine) {
    return {};
  }
  client.engine = client_engine.get();
  server.engine = server_engine.get();
  Connect(client, server);
  EXPECT_TRUE(client.over());
  EXPECT_TRUE(server.over());
  std::array<uint8_t, 32> material{};
  const bool exported =
      client.done() &&
      ktlsd_session_export(client.engine, "x", 1, "", 0, material.data(),
                           material.size()) == KTLSD_OK;
  return {client.code, server.code, exported};
}

TEST(NoMemory, EndsEveryHandshakeInAnErrorOrSuccess) {
  ASSERT_TRUE(replaced);
  const CPki pki;
  const ConfigPtr client_config = NewClientConfig(pki);
  const ConfigPtr server_config =
      NewServerConfig(pki, KTLSD_CLIENT_AUTH_REQUIRE);
  Bytes to_server(kRoom);
  Bytes to_client(kRoom);
  const auto handshake = [&] {
    CEnd client;
    CEnd server;
    client.sent = std::move(to_server);
    server.sent = std::move(to_client);
    client.sent.clear();
    server.sent.clear();
    const Outcome outcome =
        Handshake(client_config.get(), server_config.get(), client, server);
    to_server = std::move(client.sent);
    to_client = std::move(server.sent);
    return outcome;
  };
  const long points = CountAllocations(handshake);
  ASSERT_GT(points, 500);
  long failed = 0;
  for (long n = 1; n <= points; n += kStep) {
    const Outcome outcome = WithFailure(n, handshake);
    failed += outcome.success() ? 0 : 1;
    ASSERT_FALSE(outcome.success() && allocations.ours_failed) << n;
    for (const int code : {outcome.client, outcome.server}) {
      ASSERT_NE(code, KTLSD_API_MISUSE) << n;
      ASSERT_NE(code, KTLSD_INTERNAL) << n;
    }
  }
  EXPECT_TRUE(WithFailure(0, handshake).success());
  Report("handshake", points, failed);
}

}  // namespace
}  // namespace ktlsd::handshake
