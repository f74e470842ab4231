#include "agent/control/recording_sink.h"

#include <algorithm>
#include <exception>

namespace ktlsd::agent {
namespace {

// The other processes are named.
bool IsOfMonitor(const LogEvent& event) {
  return std::ranges::none_of(
      event.fields, [](const auto& field) { return field.first == "role"; });
}

}  // namespace

void RecordingSink::Write(const LogEvent& event) {
  log_.Write(event);
  try {
    Record(event);
  } catch (const std::exception&) {
    ++records_.lost;  // no memory: it is in the log
  }
}

void RecordingSink::Record(const LogEvent& event) {
  records_.counters.Count(event);
  switch (event.kind) {
    case EventKind::kHandshakeDone:
      return records_.handshakes.Add(clock_.Today(), event);
    case EventKind::kStarted:
      if (IsOfMonitor(event)) {
        records_.started = event;
      }
      return;
    default:
      if (event.level <= LogLevel::kWarning) {
        records_.troubles.Add(clock_.Today(), event);
      }
  }
}

}  // namespace ktlsd::agent
