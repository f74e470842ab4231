// How a child process ended that did something which may end it.
//
// Layer:     agent/sandbox/testing.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace ktlsd::agent {

// Runs `act` in a child; its result is the exit status. Returns "exit N" or
// "signal N", with ", core" when a core was dumped.
template <typename Act>
std::string EndOf(const Act& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(act());
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) {
    return "no child";
  }
  if (WIFEXITED(status)) {
    return "exit " + std::to_string(WEXITSTATUS(status));
  }
  return "signal " + std::to_string(WTERMSIG(status)) +
         (WCOREDUMP(status) ? ", core" : "");
}

}  // namespace ktlsd::agent
