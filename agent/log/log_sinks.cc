#include "agent/log/log_sinks.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cctype>
#include <climits>
#include <string>
#include <vector>

namespace ktlsd::agent {
namespace {

int PriorityOf(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return LOG_ERR;
    case LogLevel::kWarning:
      return LOG_WARNING;
    case LogLevel::kNotice:
      return LOG_NOTICE;
    case LogLevel::kInfo:
      return LOG_INFO;
    case LogLevel::kDebug:
      return LOG_DEBUG;
  }
  return LOG_ERR;
}

std::string FieldName(std::string_view name) {
  std::string upper = "KTLSD_";
  for (const char c : name) {
    upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return upper;
}

}  // namespace

void LineSink::Write(const LogEvent& event) {
  // A pipe that has room at all takes PIPE_BUF bytes at once.
  const std::string line = Logfmt(event).substr(0, PIPE_BUF - 1) + '\n';
  pollfd waiting{out_.raw(), POLLOUT, 0};
  if (::poll(&waiting, 1, 0) == 1 && (waiting.revents & POLLOUT) != 0) {
    static_cast<void>(::write(out_.raw(), line.data(), line.size()) < 0);
  }
}

void JournalSink::Write(const LogEvent& event) {
  std::vector<std::string> entries = {
      "MESSAGE=" + Logfmt(event),
      fmt::format("MESSAGE_ID={}", EventId(event.kind)),
      fmt::format("PRIORITY={}", PriorityOf(event.level)),
      "SYSLOG_IDENTIFIER=ktlsd",
  };
  for (const auto& [name, value] : event.fields) {
    entries.push_back(FieldName(name) + '=' + Escaped(value));
  }
  std::vector<iovec> pieces;
  pieces.reserve(entries.size());
  for (std::string& entry : entries) {
    pieces.push_back({entry.data(), entry.size()});
  }
  ::sd_journal_sendv(pieces.data(), static_cast<int>(pieces.size()));
}

std::unique_ptr<LogSink> OpenLog(bool to_stderr) {
  if (to_stderr || ::access("/run/systemd/journal/socket", W_OK) != 0) {
    return std::make_unique<LineSink>(BorrowedFd(STDERR_FILENO));
  }
  return std::make_unique<JournalSink>();
}

}  // namespace ktlsd::agent
