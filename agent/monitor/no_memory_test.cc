// Fault 24: memory runs out while the monitor takes, judges or answers
// requests. It may end for it, as its loop does; each request that it took is
// answered once all the same.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <new>

#include "agent/monitor/testing/world.h"
#include "handshake/c/testing/failing_memory.h"

namespace ktlsd::agent {
namespace {

using handshake::allocations;
using handshake::Uncounted;

// The kernel needs no memory of ours.
class KernelApart final : public HandshakeKernel {
 public:
  explicit KernelApart(FakeHandshakeKernel& kernel) : kernel_(kernel) {}
  Result<std::optional<Request>> Accept() override {
    const Uncounted kernels;
    return kernel_.Accept();
  }
  Status Done(BorrowedFd socket, const DoneAnswer& answer) override {
    const Uncounted kernels;
    return kernel_.Done(socket, answer);
  }

 private:
  FakeHandshakeKernel& kernel_;
};

Request Cheap(HandshakeKind kind, bool well_formed = true) {
  Request request;
  request.socket = OwnedFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  request.kind = kind;
  request.auth_mode = AuthMode::kX509;
  request.peer_name = kind == HandshakeKind::kClientHello ? "server" : "";
  request.well_formed = well_formed;
  return request;
}

// A monitor from its first request to its end.
class Life final : public World {
 public:
  static constexpr unsigned kRequests = 6;

  Life() : World(kRequests), apart_(kernel_) {
    Start();
    kernel_.Reserve(kRequests);
    for (const bool good : {true, true, true, false}) {
      kernel_.Queue(Cheap(HandshakeKind::kServerHello, good));
    }
    kernel_.Queue(Cheap(HandshakeKind::kClientHello));
    kernel_.Queue(Cheap(HandshakeKind::kClientHello));
  }

  // With the allocation number `failing` failing. Returns whether it lived to
  // its end.
  bool Run(long failing) {
    try {
      handshake::FailAt(failing, [this] {
        Work();
        return true;
      });
      return true;
    } catch (const std::bad_alloc&) {
      allocations.counting = false;
      return false;
    }
  }
  const FakeHandshakeKernel& kernel() const { return kernel_; }

 private:
  void TestBody() override {}

  void Work() {
    JobDesk desk(Around(apart_, {CipherSuite::kAes256GcmSha384}), kRequests);
    Switchboard board(desk, resources_, roster_);
    desk.TakeRequests(JobDesk::Age::kFresh);
    PlayRoles();
    EXPECT_TRUE(board.ReadWorker(kServerWorker).ok());
    EXPECT_TRUE(board.ReadWorker(kClientWorker).ok());
    clock_.Advance(std::chrono::milliseconds(4000));
    board.OnTime();
    board.LoseWorker(kClientWorker, Code::kWorkerDied, "signal 9");
    desk.Close();
  }

  // The first server's job ends well, the second fails, the third is late; the
  // first client's fails and waits, the second's worker dies.
  void PlayRoles() {
    const Uncounted theirs;
    const JobId first = TakeJob(kServerWorker).job;
    const JobId second = TakeJob(kServerWorker).job;
    SendSigned(first);
    EXPECT_TRUE(workers_[kServerWorker]->Send(Report(first)).ok());
    const Outcome failure = Outcome::Failure(Code::kPeerClosed);
    EXPECT_TRUE(workers_[kServerWorker]->Send(Report(second, failure)).ok());
    const JobId client = TakeJob(kClientWorker).job;
    EXPECT_TRUE(workers_[kClientWorker]->Send(Report(client, failure)).ok());
  }

  KernelApart apart_;
};

void ExpectEachAnsweredOnce(const Life& life, bool to_its_end) {
  const FakeHandshakeKernel& kernel = life.kernel();
  EXPECT_EQ(kernel.answers().size(), kernel.accepted());
  EXPECT_EQ(kernel.done_calls(), kernel.accepted());
  const auto good = std::ranges::count(kernel.answers(), 0U,
                                       &FakeHandshakeKernel::Answer::status);
  EXPECT_LE(good, 1);
  if (to_its_end) {
    EXPECT_EQ(kernel.accepted(), Life::kRequests);
    EXPECT_EQ(good, 1);
  }
}

// Every allocation fails in turn; alone, or with all that follow.
void Sweep(bool lasting) {
  long points = 0;
  {
    Life life;
    ASSERT_TRUE(life.Run(0));
    ExpectEachAnsweredOnce(life, true);
    points = allocations.seen;
  }
  ASSERT_GE(points, 100);
  allocations.lasting = lasting;
  long ended = 0;
  for (long n = 1; n <= points; n += handshake::SweepStep()) {
    SCOPED_TRACE(n);
    Life life;
    const bool to_its_end = life.Run(n);
    ended += to_its_end ? 0 : 1;
    ExpectEachAnsweredOnce(life, to_its_end);
    ASSERT_FALSE(testing::Test::HasFailure());
  }
  allocations.lasting = false;
  EXPECT_GT(ended, 0);
}

TEST(MonitorWithoutMemory, AnswersEachRequestOnceWhicheverAllocationFails) {
  Sweep(false);
}

TEST(MonitorWithoutMemory, AnswersEachRequestOnceWhenAllMemoryIsGone) {
  Sweep(true);
}

}  // namespace
}  // namespace ktlsd::agent
