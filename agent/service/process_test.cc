#include "agent/service/process.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace ktlsd::agent {
namespace {

// What a role's process is like after PrepareProcess; exit code 0 when right.
int JudgeProcess() {
  if (!PrepareProcess().ok() ||
      ::prctl(PR_GET_DUMPABLE) != (kMayBeInspected ? 1 : 0)) {
    return 1;
  }
  return ::raise(SIGINT) == 0 && ::raise(SIGHUP) == 0 ? 0 : 2;
}

TEST(PrepareProcess, ForbidsDumpsAndOutlivesTheTerminal) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::_exit(JudgeProcess());
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace ktlsd::agent
