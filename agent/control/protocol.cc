#include "agent/control/protocol.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>

namespace ktlsd::agent {
namespace {

constexpr std::string_view kOk = "ok ";
constexpr std::string_view kError = "error ";

constexpr std::array kQuestions = {
    std::pair(std::string_view("status"), ControlQuestion::kStatus),
    std::pair(std::string_view("sessions"), ControlQuestion::kSessions),
    std::pair(std::string_view("metrics"), ControlQuestion::kMetrics)};

std::string_view Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

}  // namespace

std::optional<ControlQuestion> ParseControlQuestion(std::string_view line) {
  for (const auto& [word, question] : kQuestions) {
    if (line == word) {
      return question;
    }
  }
  return std::nullopt;
}

std::string FormatControlReply(const ControlReply& reply) {
  return fmt::format("{}{}\n{}", reply.ok ? kOk : kError, reply.body.size(),
                     reply.body);
}

std::optional<ControlReply> ParseControlReply(std::string_view bytes) {
  const bool ok = bytes.starts_with(kOk);
  if (!ok && !bytes.starts_with(kError)) {
    return std::nullopt;
  }
  bytes.remove_prefix(ok ? kOk.size() : kError.size());
  std::size_t size = 0;
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  const auto [rest, error] = std::from_chars(begin, end, size);
  if (error != std::errc() || rest == end || *rest != '\n') {
    return std::nullopt;
  }
  const std::string_view body(rest + 1, end);
  if (body.size() != size) {
    return std::nullopt;
  }
  return ControlReply{ok, body};
}

std::string ControlPath() {
  if (const std::string_view path = Environment("KTLSD_CONTROL");
      !path.empty()) {
    return std::string(path);
  }
  // systemd's, of RuntimeDirectory=; several are separated by colons.
  const std::string_view directories = Environment("RUNTIME_DIRECTORY");
  const std::string_view first = directories.substr(0, directories.find(':'));
  return std::string(first.empty() ? "/run/ktlsd" : first) + "/control";
}

}  // namespace ktlsd::agent
