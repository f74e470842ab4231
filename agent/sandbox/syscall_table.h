// Which system calls each role may make, and why.
//
// Scope:     the one table. The filter is built from it, and docs/syscalls.md
//            is written from it. A call that is not in it ends the process.
// Layer:     agent/sandbox.
// Design:    docs/design/process-model.md
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "agent/sandbox/loop_kind.h"
#include "agent/sandbox/process_role.h"

namespace ktlsd::agent {

// A worker's event loop decides which of two lists is its own.
enum class SyscallList : uint8_t {
  kKeeper,
  kVerifier,
  kEpollWorker,
  kRingWorker,
  kTokenKeeper,
};

constexpr SyscallList ListOf(ProcessRole role, LoopKind loop) {
  switch (role) {
    case ProcessRole::kKeeper:
      return SyscallList::kKeeper;
    case ProcessRole::kVerifier:
      return SyscallList::kVerifier;
    case ProcessRole::kTokenKeeper:
      return SyscallList::kTokenKeeper;
    case ProcessRole::kWorker:
      break;
  }
  return loop == LoopKind::kIoUring ? SyscallList::kRingWorker
                                    : SyscallList::kEpollWorker;
}

// What one argument of a call must be: (argument & mask) == value.
struct ArgumentRule {
  // A `value` that stands for the process's own id.
  static constexpr uint64_t kOwnProcess = UINT64_MAX;

  unsigned argument;  // 0 is the first
  uint64_t mask;
  uint64_t value;
  std::string_view text;  // for the document; empty: there is no rule
};

struct AllowedSyscall {
  std::string_view name;  // unknown to an architecture: left out there
  uint8_t lists;          // bits 1 << SyscallList
  std::string_view why;
  // All must hold. Several entries of one name: any of them allows the call.
  std::array<ArgumentRule, 2> rules{};
};

constexpr bool MayCall(const AllowedSyscall& call, SyscallList list) {
  return (call.lists >> static_cast<unsigned>(list) & 1U) != 0;
}

// In the order of the document.
std::span<const AllowedSyscall> AllowedSyscalls();

// What the run time of a sanitizer needs beyond that; empty in other builds.
std::span<const AllowedSyscall> SanitizerSyscalls();

}  // namespace ktlsd::agent
