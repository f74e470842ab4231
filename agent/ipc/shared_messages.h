// What several of the daemon's processes are told alike.
//
// Scope:     see agent/ipc/messages.h.
// Layer:     agent/ipc.
// Threads:   value types.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "agent/ipc/wire_types.h"
#include "agent/sandbox/lock_step.h"

namespace ktlsd::agent {

// What one kind of message may carry behind its fixed part.
struct Carries {
  std::size_t payload = 0;            // bytes, at most
  std::size_t least_descriptors = 0;  // received with SCM_RIGHTS
  std::size_t most_descriptors = 0;
};

// Drop everything about `job`. A worker sends no report for it.
struct EndJob {
  static constexpr MessageType kType = MessageType::kEndJob;
  static constexpr Carries kCarries{};
  Header header;
  JobId job = 0;
  bool Check() const { return job != 0; }
};

// Drop the credential (worker, keeper) or trust (verifier) of this id.
struct Forget {
  static constexpr MessageType kType = MessageType::kForget;
  static constexpr Carries kCarries{};
  Header header;
  uint64_t id = 0;
  bool Check() const { return id != 0; }
};

struct AddWorker {
  static constexpr MessageType kType = MessageType::kAddWorker;
  static constexpr Carries kCarries{0, 1, 1};
  Header header;
  WorkerId worker = 0;
  uint32_t reserved = 0;
  bool Check() const { return worker != 0; }
};

// Closes the link, drops the worker's jobs.
struct RemoveWorker {
  static constexpr MessageType kType = MessageType::kRemoveWorker;
  static constexpr Carries kCarries{};
  Header header;
  WorkerId worker = 0;
  uint32_t reserved = 0;
  bool Check() const { return worker != 0; }
};

// The other end of the link on which Wake comes; see Link::GiveBell().
struct TakeBell {
  static constexpr MessageType kType = MessageType::kTakeBell;
  static constexpr Carries kCarries{0, 1, 1};
  Header header;
  bool Check() const { return true; }
};

// There is something to read.
struct Wake {
  static constexpr MessageType kType = MessageType::kWake;
  static constexpr Carries kCarries{};
  Header header;
  bool Check() const { return true; }
};

// `worker` sent what no honest worker sends.
struct Misbehaved {
  static constexpr MessageType kType = MessageType::kMisbehaved;
  static constexpr Carries kCarries{};
  Header header;
  WorkerId worker = 0;
  uint32_t reserved = 0;
  Text<kDetailSize> what;
  bool Check() const;
};

// The role could not be locked down, and ends: its first and last message.
struct NotConfined {
  static constexpr MessageType kType = MessageType::kNotConfined;
  static constexpr Carries kCarries{};
  Header header;
  int32_t os_error = 0;  // an errno, or 0
  LockStep step{};
  std::array<uint8_t, 3> reserved{};
  bool Check() const;
};

}  // namespace ktlsd::agent
