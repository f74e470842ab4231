// Where the daemon's log goes.
//
// Scope:     lines on a descriptor, or the journal with one field per value.
// Layer:     agent/log.
// Threads:   one thread.
#pragma once

#include <sys/un.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "agent/log/log_event.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {

// One line of logfmt an event. A reader that hangs costs lines, not the
// daemon. `out` must stay open.
class LineSink final : public LogSink {
 public:
  explicit LineSink(BorrowedFd out);
  void Write(const LogEvent& event) override;

 private:
  BorrowedFd out_;
  const bool may_block_;
};

// One datagram an event, in the journal's native protocol. Not by libsystemd,
// whose socket waits while nobody reads the journal's. A journal that does not
// read costs lines, not the daemon; the next line says how many, as `lost`.
class JournalSink final : public LogSink {
 public:
  static constexpr char kSocket[] = "/run/systemd/journal/socket";

  // `path` must fit a socket's address.
  explicit JournalSink(std::string_view path = kSocket);
  void Write(const LogEvent& event) override;

 private:
  bool Send(const LogEvent& event) const;

  sockaddr_un journal_{};
  OwnedFd socket_;
  int64_t lost_ = 0;  // lines, since the last one that was taken
};

// The journal when there is one and `to_stderr` is false; else stderr.
std::unique_ptr<LogSink> OpenLog(bool to_stderr);

}  // namespace ktlsd::agent
