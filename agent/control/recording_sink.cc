#include "agent/control/recording_sink.h"

#include <exception>

namespace ktlsd::agent {

void RecordingSink::Write(const LogEvent& event) {
  log_.Write(event);
  try {
    Record(event);
  } catch (const std::exception&) {
    // No memory: it is in the log.
  }
}

void RecordingSink::Record(const LogEvent& event) {
  records_.counters.Count(event);
  switch (event.kind) {
    case EventKind::kHandshakeDone:
      return records_.handshakes.Add(clock_.Today(), event);
    case EventKind::kStarted:
      records_.started = event;
      return;
    default:
      if (event.level <= LogLevel::kWarning) {
        records_.troubles.Add(clock_.Today(), event);
      }
  }
}

}  // namespace ktlsd::agent
