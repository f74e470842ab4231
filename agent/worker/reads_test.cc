// What the reads of a connection allocate. operator new is this program's own.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <utility>

#include "agent/ipc/messages.h"
#include "agent/worker/connection.h"
#include "agent/worker/testing/no_services.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "handshake/testing/local_peer.h"
#include "ktls/testing/fake_socket_ops.h"

namespace {

std::atomic<long> allocated;

void* Allocate(std::size_t size) {
  allocated.fetch_add(1, std::memory_order_relaxed);
  void* const memory = std::malloc(size);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace ktlsd::agent {
namespace {

Bytes HelloOfAClient() {
  handshake::LocalPeerSetup setup;
  setup.client.server_name = "server.example";
  const auto client = handshake::LocalPeer::Client(setup);
  const ByteView hello = client.engine().output();
  return {hello.begin(), hello.end()};
}

// A peer that sends byte by byte makes as many reads as it likes. What is held
// grows by doubling, and only with what has come.
TEST(ConnectionReads, DoNotAllocateEach) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const OwnedFd peer(ends[1]);
  Job job;
  job.job = 1;
  job.side = Side::kServer;
  job.suites = {0x1302};
  job.first_byte_ms = job.progress_ms = job.total_ms = 60'000;
  const SystemClock clock;
  ktls::FakeSocketOps ktls;
  NoServices services;
  Connection connection(job, OwnedFd(ends[0]), OurSide(), services, ktls,
                        clock);
  connection.Resume();
  const Bytes hello = HelloOfAClient();
  ASSERT_GT(hello.size(), 128U);

  const long before = allocated;
  for (const uint8_t byte : ByteView(hello).first(hello.size() - 1)) {
    ::send(peer.raw(), &byte, 1, 0);
    connection.Resume();
  }
  EXPECT_LE(allocated - before, 10) << "of " << hello.size() - 1 << " reads";
  EXPECT_FALSE(connection.report().has_value());
}

}  // namespace
}  // namespace ktlsd::agent
