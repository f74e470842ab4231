// Whether keeper and verifier still do anything.
//
// Scope:     judges one of them by two signs of life: it says something, or it
//            reads what it was told. What it is asked by workers the monitor
//            does not see; but of each job it tells them itself that it ended.
// Layer:     agent/monitor.
// Threads:   value type.
// Design:    docs/design/process-model.md
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace ktlsd::agent {

class ServicePulse {
 public:
  // Who shows no sign of life for so long, and has something to read, hangs: in
  // a token's library, for one.
  static constexpr std::chrono::milliseconds kReadsWithin{10'000};
  // Before its first word it may have tokens to open.
  static constexpr std::chrono::milliseconds kStartsWithin{30'000};
  static constexpr std::chrono::milliseconds kLookEvery{500};

  // It said something.
  void Heard();
  // `unread` bytes of what it was told wait for it now; `sent` messages it was
  // told so far.
  void Look(MonotonicTime now, std::size_t unread, uint64_t sent);

  // Why it has to go, if it has.
  std::optional<std::string_view> Fault(MonotonicTime now) const;
  // When to look how much is unread, if it matters.
  std::optional<MonotonicTime> NextLook() const;

 private:
  std::optional<MonotonicTime> still_since_;
  MonotonicTime next_look_{};
  std::size_t unread_ = 0;
  uint64_t sent_ = 0;
  bool spoke_ = false;
};

}  // namespace ktlsd::agent
