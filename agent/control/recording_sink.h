// The log, with a memory: what an operator can ask of the running daemon.
//
// Scope:     each event goes to the log first, then into counters and rings.
//            Without memory for that a record is lost, never the log's line.
// Layer:     agent/control.
// Threads:   one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/control/counters.h"
#include "agent/control/event_ring.h"
#include "agent/log/log_event.h"
#include "base/clock.h"

namespace ktlsd::agent {

struct Records {
  static constexpr std::size_t kHandshakes = 256;
  static constexpr std::size_t kTroubles = 16;

  Counters counters;
  EventRing handshakes{kHandshakes};
  // Warnings and errors that are no handshake's.
  EventRing troubles{kTroubles};
  // What the kernel can do, as the start found it.
  std::optional<LogEvent> started;
  uint64_t lost = 0;  // events, for want of memory
};

class RecordingSink final : public LogSink {
 public:
  // Both must outlive this.
  RecordingSink(LogSink& log, const Clock& clock) : log_(log), clock_(clock) {}

  void Write(const LogEvent& event) override;
  const Records& records() const { return records_; }

 private:
  void Record(const LogEvent& event);

  LogSink& log_;
  const Clock& clock_;
  Records records_;
};

}  // namespace ktlsd::agent
