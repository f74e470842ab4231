// A worker with two thousand handshakes under way at once.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/sandbox/loop_kind.h"
#include "agent/worker/open_readiness.h"
#include "agent/worker/ring_calls.h"
#include "agent/worker/worker.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error_codes.h"
#include "base/owned_fd.h"
#include "ktls/testing/fake_socket_ops.h"

namespace ktlsd::agent {
namespace {

constexpr std::size_t kJobs = 2000;

std::size_t OpenDescriptors() {
  const std::filesystem::directory_iterator open("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(open), end(open)));
}

bool HasDescriptorsFor(std::size_t count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur >= count;
}

class ManyJobs : public testing::TestWithParam<LoopKind> {
 protected:
  // The other ends of the sockets of as many servers' jobs.
  std::vector<OwnedFd> SendJobs(Link& worker) {
    std::vector<OwnedFd> peers;
    for (JobId id = 1; id <= kJobs; ++id) {
      int ends[2] = {-1, -1};
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
      const OwnedFd ours(ends[0]);
      peers.emplace_back(ends[1]);
      Job job;
      job.job = id;
      job.side = Side::kServer;
      job.suites = {0x1302};
      job.first_byte_ms = job.progress_ms = job.total_ms = 60'000;
      const std::array socket = {ours.borrow()};
      while (!worker.Send(job, {}, socket).ok()) {
        pollfd room{worker.socket().raw(), POLLOUT, 0};
        EXPECT_EQ(::poll(&room, 1, 10'000), 1);
      }
    }
    return peers;
  }

  static JobReport AwaitReport(Link& worker) {
    for (;;) {
      auto received = worker.Receive<FromWorker>();
      if (!received.ok()) {
        ADD_FAILURE() << received.error().what;
        return {};
      }
      if (received->has_value()) {
        return std::get<JobReport>((*received)->message);
      }
      pollfd waiting{worker.socket().raw(), POLLIN, 0};
      if (::poll(&waiting, 1, 10'000) != 1) {
        ADD_FAILURE() << "the worker is silent";
        return {};
      }
    }
  }
};

TEST_P(ManyJobs, AreServedSideBySideAndLeaveNothingBehind) {
  if (!HasDescriptorsFor(2 * kJobs + 100)) {
    GTEST_SKIP() << "too few descriptors allowed";
  }
  auto pair = MakeLinkPair().value();
  Link monitor(std::move(pair.first));
  const SystemClock clock;
  ktls::FakeSocketOps ktls;
  std::thread thread([&, end = std::move(pair.second)]() mutable {
    RingCalls calls;
    Worker worker(Link(std::move(end)),
                  std::move(OpenReadiness(GetParam(), calls)->readiness), ktls,
                  clock);
    EXPECT_TRUE(worker.Run().ok());
  });
  const std::size_t before = OpenDescriptors();
  std::vector<OwnedFd> peers = SendJobs(monitor);
  // Some speak, the last one first, and are answered though all wait.
  constexpr std::string_view kNoTls = "GET / HTTP/1.0\r\n\r\n";
  for (const JobId id : {JobId{kJobs}, JobId{kJobs / 2}, JobId{1}}) {
    ::send(peers[id - 1].raw(), kNoTls.data(), kNoTls.size(), 0);
    const JobReport report = AwaitReport(monitor);
    EXPECT_EQ(report.job, id);
    EXPECT_EQ(report.outcome.code(), Code::kNotTls);
  }
  peers.clear();
  std::set<JobId> reported;
  while (reported.size() < kJobs - 3 && !HasFailure()) {
    const JobReport report = AwaitReport(monitor);
    EXPECT_TRUE(reported.insert(report.job).second) << report.job;
    EXPECT_EQ(report.outcome.code(), Code::kPeerClosed);
  }
  // The last report follows the last close. One more: the worker may have made
  // its loop after we counted.
  EXPECT_LE(OpenDescriptors(), before + 1);
  {
    const Link gone = std::move(monitor);
  }
  thread.join();
}

std::string NameOf(const testing::TestParamInfo<LoopKind>& info) {
  return std::string(LoopName(info.param));
}

INSTANTIATE_TEST_SUITE_P(Each, ManyJobs,
                         testing::Values(LoopKind::kEpoll, LoopKind::kIoUring),
                         NameOf);

}  // namespace
}  // namespace ktlsd::agent
