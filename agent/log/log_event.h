// What the daemon says, as fields.
//
// Scope:     an event is a kind, a level and named values; how it is written is
//            a LogSink's business. Values may hold any bytes: they are escaped
//            and capped when they are written.
// Layer:     agent/log.
// Threads:   value types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error_codes.h"

namespace ktlsd::agent {

enum class EventKind : uint8_t {
  kStarted,
  kReady,
  kStopped,
  kConfigLoaded,
  kConfigProblem,
  kHandshakeDone,
  kAnswerRefused,
  kProcessEnded,
  kProcessMisbehaved,
  kProcessReplaced,
  kKernelTrouble,
  kServiceTrouble,
  kNamespaceChanged,
  kSessionEnded,
};

// "handshake_done" and the like.
std::string_view EventName(EventKind kind);
// The journal's MESSAGE_ID, 32 hexadecimal digits.
std::string_view EventId(EventKind kind);

struct LogEvent {
  EventKind kind;
  LogLevel level;
  std::vector<std::pair<std::string_view, std::string>> fields;

  // Leaves out a field without a value.
  LogEvent& Add(std::string_view name, std::string_view value);
  LogEvent& Add(std::string_view name, int64_t value);
};

class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void Write(const LogEvent& event) = 0;
};

// What is written of a value, in bytes before it is escaped.
inline constexpr std::size_t kMaxLoggedValue = 512;

// One line of logfmt: event=... name=value ...; values with blanks, quotes or
// unprintable bytes in double quotes, at most kMaxLoggedValue bytes each.
std::string Logfmt(const LogEvent& event);

// A copy in which every byte that is not printable ASCII, and every backslash
// and double quote, is escaped (\xNN, \\, \").
std::string Escaped(std::string_view text);

}  // namespace ktlsd::agent
