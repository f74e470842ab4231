#include "agent/log/log_event.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace ktlsd::agent {
namespace {

bool IsPlain(char c) {
  return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '\'' &&
         c != '=' && c != '#';
}

std::string Quoted(std::string_view value) {
  const std::string_view capped = value.substr(0, kMaxLoggedValue);
  if (!capped.empty() && std::all_of(capped.begin(), capped.end(), IsPlain)) {
    return std::string(capped);
  }
  return '"' + Escaped(capped) + '"';
}

}  // namespace

std::string_view EventName(EventKind kind) {
  switch (kind) {
    case EventKind::kStarted:
      return "started";
    case EventKind::kReady:
      return "ready";
    case EventKind::kStopped:
      return "stopped";
    case EventKind::kConfigLoaded:
      return "config_loaded";
    case EventKind::kConfigProblem:
      return "config_problem";
    case EventKind::kHandshakeDone:
      return "handshake_done";
    case EventKind::kAnswerRefused:
      return "answer_refused";
    case EventKind::kProcessEnded:
      return "process_ended";
    case EventKind::kProcessMisbehaved:
      return "process_misbehaved";
    case EventKind::kProcessReplaced:
      return "process_replaced";
    case EventKind::kKernelTrouble:
      return "kernel_trouble";
    case EventKind::kServiceTrouble:
      return "service_trouble";
    case EventKind::kNamespaceChanged:
      return "namespace_changed";
    case EventKind::kSessionEnded:
      return "session_ended";
  }
  return "unknown";
}

std::string_view EventId(EventKind kind) {
  switch (kind) {
    case EventKind::kStarted:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b01";
    case EventKind::kReady:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b10";
    case EventKind::kStopped:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b02";
    case EventKind::kConfigLoaded:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b03";
    case EventKind::kConfigProblem:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b04";
    case EventKind::kHandshakeDone:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b05";
    case EventKind::kAnswerRefused:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b06";
    case EventKind::kProcessEnded:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b07";
    case EventKind::kProcessMisbehaved:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b08";
    case EventKind::kProcessReplaced:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b0a";
    case EventKind::kKernelTrouble:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b09";
    case EventKind::kServiceTrouble:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b11";
    case EventKind::kNamespaceChanged:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b0e";
    case EventKind::kSessionEnded:
      return "3d1f3b5c0f5a4bb0a3c7e21f6d8a9b12";
  }
  return "";
}

LogEvent& LogEvent::Add(std::string_view name, std::string_view value) {
  if (!value.empty()) {
    fields.emplace_back(name, value);
  }
  return *this;
}

LogEvent& LogEvent::Add(std::string_view name, int64_t value) {
  fields.emplace_back(name, fmt::format("{}", value));
  return *this;
}

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      escaped += '\\';
      escaped += c;
    } else if (c >= ' ' && c < 0x7f) {
      escaped += c;
    } else {
      fmt::format_to(std::back_inserter(escaped), "\\x{:02x}",
                     static_cast<unsigned char>(c));
    }
  }
  return escaped;
}

std::string Logfmt(const LogEvent& event) {
  std::string line = fmt::format("event={}", EventName(event.kind));
  for (const auto& [name, value] : event.fields) {
    fmt::format_to(std::back_inserter(line), " {}={}", name, Quoted(value));
  }
  return line;
}

}  // namespace ktlsd::agent
