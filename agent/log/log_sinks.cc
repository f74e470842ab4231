#include "agent/log/log_sinks.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include <cctype>
#include <climits>
#include <string>

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

// A file never does.
bool MayBlock(BorrowedFd out) {
  struct stat about{};
  return ::fstat(out.raw(), &about) != 0 || !S_ISREG(about.st_mode);
}

bool HasRoom(BorrowedFd out) {
  pollfd waiting{out.raw(), POLLOUT, 0};
  return ::poll(&waiting, 1, 0) == 1 && (waiting.revents & POLLOUT) != 0;
}

std::string FieldName(std::string_view name) {
  std::string upper = "KTLSD_";
  for (const char c : name) {
    upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return upper;
}

}  // namespace

LineSink::LineSink(BorrowedFd out) : out_(out), may_block_(MayBlock(out)) {}

void LineSink::Write(const LogEvent& event) {
  // A pipe that has room at all takes PIPE_BUF bytes at once.
  const std::string line = Logfmt(event).substr(0, PIPE_BUF - 1) + '\n';
  if (!may_block_ || HasRoom(out_)) {
    static_cast<void>(::write(out_.raw(), line.data(), line.size()) < 0);
  }
}

JournalSink::JournalSink(std::string_view path)
    : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  journal_.sun_family = AF_UNIX;
  path.copy(journal_.sun_path, sizeof(journal_.sun_path) - 1);
}

void JournalSink::Write(const LogEvent& event) {
  bool sent = false;
  if (lost_ == 0) {
    sent = Send(event);
  } else {
    sent = Send(LogEvent(event).Add("lost", lost_));
  }
  lost_ = sent ? 0 : lost_ + 1;
}

// Nothing in it has a line break: none has to be written with its length.
bool JournalSink::Send(const LogEvent& event) const {
  std::string entry = fmt::format(
      "MESSAGE={}\nMESSAGE_ID={}\nPRIORITY={}\nSYSLOG_IDENTIFIER=ktlsd\n",
      Logfmt(event), EventId(event.kind), PriorityOf(event.level));
  for (const auto& [name, value] : event.fields) {
    entry += FieldName(name) + '=' +
             Escaped(std::string_view(value).substr(0, kMaxLoggedValue)) + '\n';
  }
  iovec piece{entry.data(), entry.size()};
  msghdr message{};
  // Each time anew: another journal may have taken the place of the first.
  sockaddr_un journal = journal_;
  message.msg_name = &journal;
  message.msg_namelen = sizeof(journal);
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  return ::sendmsg(socket_.raw(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

std::unique_ptr<LogSink> OpenLog(bool to_stderr) {
  if (to_stderr || ::access(JournalSink::kSocket, W_OK) != 0) {
    return std::make_unique<LineSink>(BorrowedFd(STDERR_FILENO));
  }
  return std::make_unique<JournalSink>();
}

}  // namespace ktlsd::agent
