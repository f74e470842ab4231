#include "agent/worker/worker_main.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <utility>

#include "agent/sandbox/lock_step.h"
#include "agent/sandbox/process_role.h"
#include "agent/service/role_start.h"
#include "agent/service/testing/child.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

TEST(WorkerProcess, EndsWithTheMonitor) {
  ChildRole worker(ProcessRole::kWorker, RunWorker);
  EXPECT_EQ(worker.Close(), EXIT_SUCCESS);
}

// "pkill -HUP ktlsd" means the monitor, and reaches all of them.
TEST(WorkerProcess, IgnoresTheMonitorsSignals) {
  ChildRole worker(ProcessRole::kWorker, [](OwnedFd link, const LockDownCall&) {
    const int code = RunWorker(std::move(link), [] { return LockResult(); });
    for (const int signal : {SIGHUP, SIGUSR1, SIGINT, SIGPIPE}) {
      ::raise(signal);
    }
    return code;
  });
  EXPECT_EQ(worker.Close(), EXIT_SUCCESS);
}

}  // namespace
}  // namespace ktlsd::agent
