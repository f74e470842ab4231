// Whether the process at the other end of a link still works.
//
// Scope:     judges a worker of which a job passed its deadline, by two signs
//            of life: it says something, or it reads what it was told. Late
//            alone is no fault: when the machine is starved, whoever takes the
//            place of a late worker is late as well.
// Layer:     agent/monitor.
// Threads:   value type.
// Design:    docs/design/process-model.md
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace ktlsd::agent {

class Pulse {
 public:
  // Who was late and then reads nothing for so long hangs.
  static constexpr std::chrono::milliseconds kReadsWithin{3000};
  // Who is late time and again and ends no job in so long does no work.
  static constexpr std::chrono::milliseconds kEndsOneWithin{20'000};
  static constexpr std::chrono::milliseconds kLookEvery{50};

  // It said something.
  void Heard();
  // A job of it was late, and it was told so; `unread` bytes of what it was
  // told wait for it now.
  void Late(MonotonicTime now, std::size_t unread);
  // Only `unread` bytes wait for it now.
  void Look(MonotonicTime now, std::size_t unread);

  // It was late, and has neither said anything since nor read all that it was
  // told: no use to give it more.
  bool behind() const { return still_since_.has_value(); }
  // Why it has to go, if it has.
  std::optional<std::string_view> Fault(MonotonicTime now) const;
  // When to look how much is unread, if it matters.
  std::optional<MonotonicTime> NextLook() const;

 private:
  // The last sign of life of one that is behind; or when it was late.
  std::optional<MonotonicTime> still_since_;
  // The first job that was late since its last word, and the last one.
  std::optional<MonotonicTime> late_since_;
  MonotonicTime last_late_{};
  MonotonicTime next_look_{};
  std::size_t unread_ = 0;
};

}  // namespace ktlsd::agent
