// How the daemon is, at one moment.
//
// Scope:     values; agent/monitor fills them in.
// Layer:     agent/control.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace ktlsd::agent {

struct StatusReport {
  struct Process {
    std::string role;
    std::string pool;  // of a worker
    pid_t pid = 0;     // 0: about to be started
    std::size_t jobs = 0;
    std::size_t jobs_taken = 0;  // in its life
    std::chrono::seconds age{};
  };
  enum class State : uint8_t { kAbsent, kLoading, kLoaded, kUnusable };
  // Trust or a credential.
  struct Setting {
    std::string group;  // of the configuration
    std::string side;
    std::string name;
    State state{};
    std::string file;
    std::string reason;
  };

  // A session that is up and watched, as far as is known.
  struct Live {
    CalendarTime since;
    std::string side;
    std::string peer;
    std::string name;
    std::string netns;
    std::string settings;
    std::string subject;
    std::string state;
    std::optional<CalendarTime> due;  // when it is looked at again
  };

  std::chrono::seconds uptime{};
  std::size_t queued = 0;           // wait for a worker
  std::size_t running = 0;          // a worker has them
  std::size_t waiting_answers = 0;  // over, but answered a little later
  std::size_t capacity = 0;
  uint64_t succeeded = 0;
  uint64_t failed = 0;
  uint64_t refused_by_kernel = 0;
  std::vector<Process> processes;
  std::vector<Setting> settings;
  std::vector<Live> live;
  std::vector<std::string> suites;  // that handshakes may agree on, best first
};

}  // namespace ktlsd::agent
