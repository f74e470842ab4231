#include "agent/worker/worker_main.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "agent/service/testing/child.h"

namespace ktlsd::agent {
namespace {

TEST(WorkerProcess, EndsWithTheMonitor) {
  ChildRole worker(RunWorker);
  EXPECT_EQ(worker.Close(), EXIT_SUCCESS);
}

// "pkill -HUP ktlsd" means the monitor, and reaches all of them.
TEST(WorkerProcess, IgnoresTheMonitorsSignals) {
  ChildRole worker([](OwnedFd link) {
    const int code = RunWorker(std::move(link));
    for (const int signal : {SIGHUP, SIGUSR1, SIGINT, SIGPIPE}) {
      ::raise(signal);
    }
    return code;
  });
  EXPECT_EQ(worker.Close(), EXIT_SUCCESS);
}

}  // namespace
}  // namespace ktlsd::agent
