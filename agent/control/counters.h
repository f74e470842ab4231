// What the daemon has done so far, in numbers.
//
// Scope:     counts events of the log. Every label is a word of one of our own
//            tables, so there are never more than so many counters, whatever a
//            peer sends.
// Layer:     agent/control.
// Threads:   one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

#include "agent/log/log_event.h"

namespace ktlsd::agent {

// How often something took how long.
class DurationHistogram {
 public:
  // Upper bounds in seconds; one more bucket has what is longer.
  static constexpr std::array kBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01,
                                         0.025,  0.05,  0.1,    0.25,  0.5,
                                         1.0,    2.5,   5.0,    10.0,  30.0};
  void Add(double seconds);
  // Up to and with kBounds[i].
  uint64_t cumulative(std::size_t bound) const;
  uint64_t count() const { return count_; }
  double sum() const { return sum_; }

 private:
  std::array<uint64_t, kBounds.size() + 1> buckets_{};
  uint64_t count_ = 0;
  double sum_ = 0;
};

class Counters {
 public:
  // consumer, side, outcome, code. All are words of tables; the code of a
  // success is "none".
  using Handshake = std::array<std::string_view, 4>;
  // role, what happened: "ended", "misbehaved", "replaced".
  using Process = std::array<std::string_view, 2>;
  enum class Phase : uint8_t { kQueue, kTls, kKtls, kTotal };
  static constexpr std::array<std::string_view, 4> kPhaseNames = {
      "queue", "tls", "ktls", "total"};

  // With a zero for the success of each consumer.
  Counters();

  void Count(const LogEvent& event);

  const std::map<Handshake, uint64_t>& handshakes() const {
    return handshakes_;
  }
  const std::array<DurationHistogram, 4>& durations() const {
    return durations_;
  }
  const std::map<Process, uint64_t>& processes() const { return processes_; }
  uint64_t netlink_overruns() const { return netlink_overruns_; }
  uint64_t kernel_troubles() const { return kernel_troubles_; }
  uint64_t config_problems() const { return config_problems_; }

 private:
  void CountHandshake(const LogEvent& event);
  void CountProcess(const LogEvent& event, std::string_view what);

  std::map<Handshake, uint64_t> handshakes_;
  std::array<DurationHistogram, 4> durations_;
  std::map<Process, uint64_t> processes_;
  uint64_t netlink_overruns_ = 0;
  uint64_t kernel_troubles_ = 0;
  uint64_t config_problems_ = 0;
};

}  // namespace ktlsd::agent
