// The steps of a role's lock-down, in their order, and which of them failed.
//
// Layer:     agent/sandbox.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ktlsd::agent {

enum class LockStep : uint8_t {
  kPrepare,
  kRoot,
  kBoundingSet,
  kUser,
  kCapabilities,
  kInspection,
  kLimits,
  kSystemCalls,
};

// A whole sentence for the log, by step.
inline constexpr std::array<std::string_view, 8> kLockStepFailures = {
    "cannot prepare the process",
    "cannot enter an empty root directory",
    "cannot give up capabilities for good",
    "cannot become the unprivileged user",
    "cannot drop all capabilities",
    "cannot forbid inspection",
    "cannot limit the process",
    "cannot filter system calls",
};

constexpr bool Valid(LockStep step) {
  return static_cast<std::size_t>(step) < kLockStepFailures.size();
}
constexpr std::string_view FailureOf(LockStep step) {
  return kLockStepFailures.at(static_cast<std::size_t>(step));
}

struct LockFailure {
  LockStep step;
  int os_error;  // an errno, or 0
};

// What a lock-down came to: nothing, or why it failed.
using LockResult = std::optional<LockFailure>;

}  // namespace ktlsd::agent
