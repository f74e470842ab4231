// Where the daemon's log goes.
//
// Scope:     lines on a descriptor, or the journal with one field per value.
// Layer:     agent/log; libsystemd.
// Threads:   one thread.
#pragma once

#include <memory>

#include "agent/log/log_event.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {

// One line of logfmt an event. A reader that hangs costs lines, not the
// daemon. `out` must stay open.
class LineSink final : public LogSink {
 public:
  explicit LineSink(BorrowedFd out) : out_(out) {}
  void Write(const LogEvent& event) override;

 private:
  BorrowedFd out_;
};

class JournalSink final : public LogSink {
 public:
  void Write(const LogEvent& event) override;
};

// The journal when there is one and `to_stderr` is false; else stderr.
std::unique_ptr<LogSink> OpenLog(bool to_stderr);

}  // namespace ktlsd::agent
