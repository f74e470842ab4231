// What goes over the control socket: one question, one answer, then it closes.
//
//   question   one of the words below and a line feed
//   answer     "ok SIZE\n" and SIZE bytes, or "error SIZE\n" and words that say
//              why there is no answer
//
// Scope:     names and limits, for the daemon and for ktlsctl.
// Layer:     agent/control.
// Threads:   pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ktlsd::agent {

enum class ControlQuestion : unsigned char { kStatus, kSessions, kMetrics };

// With the line feed; longer is no question.
inline constexpr std::size_t kMaxControlQuestion = 32;
inline constexpr std::size_t kMaxControlAnswer = std::size_t{4} << 20;

// Which one `line` is, compared as a whole and without its line feed.
std::optional<ControlQuestion> ParseControlQuestion(std::string_view line);

struct ControlReply {
  bool ok = false;
  std::string_view body;
};
std::string FormatControlReply(const ControlReply& reply);
// Nothing if `bytes` is not one whole answer; else `body` is a part of it.
std::optional<ControlReply> ParseControlReply(std::string_view bytes);

// Where the socket is: $KTLSD_CONTROL; or "control" in $RUNTIME_DIRECTORY; or
// /run/ktlsd/control.
std::string ControlPath();

}  // namespace ktlsd::agent
