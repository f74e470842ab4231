#include "agent/worker/worker_main.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/sandbox/lock_step.h"
#include "agent/sandbox/loop_kind.h"
#include "agent/sandbox/process_role.h"
#include "agent/service/role_start.h"
#include "agent/service/testing/child.h"
#include "agent/worker/open_readiness.h"
#include "agent/worker/ring_calls.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

// Under the filter of its kind.
TEST(WorkerProcess, SaysWhatItWaitsWithAndEndsWithTheMonitor) {
  RingCalls calls;
  for (const LoopKind wished : {LoopKind::kEpoll, LoopKind::kIoUring}) {
    const std::string name(LoopName(wished));
    ASSERT_EQ(::setenv("KTLSD_EVENT_LOOP", name.c_str(), 1), 0);
    ChildRole worker(ProcessRole::kWorker, RunWorker);
    const LoopChosen chosen =
        Await<LoopChosen, FromWorker>(worker.monitor()).first;
    const auto here = OpenReadiness(wished, calls);
    ASSERT_TRUE(here.ok());
    EXPECT_EQ(chosen.kind, here->readiness->kind());
    EXPECT_EQ(chosen.os_error, here->os_error);
    EXPECT_EQ(worker.Close(), EXIT_SUCCESS) << name;
  }
  ::unsetenv("KTLSD_EVENT_LOOP");
}

TEST(WorkerProcess, EndsWhenTheMonitorIsGoneAlready) {
  ChildRole worker(ProcessRole::kWorker, RunWorker);
  EXPECT_EQ(worker.Close(), EXIT_SUCCESS);
}

// "pkill -HUP ktlsd" means the monitor, and reaches all of them.
TEST(WorkerProcess, IgnoresTheMonitorsSignals) {
  ChildRole worker(ProcessRole::kWorker, [](OwnedFd link, const LockDownCall&) {
    const int code =
        RunWorker(std::move(link), [](LoopKind) { return LockResult(); });
    for (const int signal : {SIGHUP, SIGUSR1, SIGINT, SIGPIPE}) {
      ::raise(signal);
    }
    return code;
  });
  EXPECT_EQ(worker.Close(), EXIT_SUCCESS);
}

}  // namespace
}  // namespace ktlsd::agent
