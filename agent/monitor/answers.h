// Answering requests: the one DONE of each, and the one line about it.
//
// Scope:     when the kernel is told, and what the log says. An answer that
//            must not come too early waits here.
// Layer:     agent/monitor.
// Threads:   one thread.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "agent/ipc/messages.h"
#include "agent/log/log_event.h"
#include "agent/monitor/socket_facts.h"
#include "agent/upcall/upcall.h"
#include "base/clock.h"
#include "base/result.h"

namespace ktlsd::agent {

// A request on its way, whatever state its job is in.
struct Ticket {
  JobId job;
  Upcall upcall;
  SocketFacts facts;
  MonotonicTime accepted;
  MonotonicTime deadline;  // of the answer
  std::string netns = {};  // its network namespace; "": the daemon's own
};

// What can be told about a handshake beside its ticket.
struct Account {
  std::optional<JobReport> report;
  std::optional<Verdict> verdict;
  std::optional<MonotonicTime> dispatched;
  std::string settings;  // the group of the configuration that served
  std::string reason;    // of a failure
  int os_error = 0;
  std::string identity;                 // of the PSK
  KeySerial key = 0;                    // its serial, where it is ours
  KeySerial peer_key = 0;               // of the peer's certificate
  std::optional<Error> peer_key_error;  // why that is no key
};

class Answers {
 public:
  struct Counts {
    uint64_t succeeded = 0;
    uint64_t failed = 0;
    uint64_t refused_by_kernel = 0;
    uint64_t consumer_gone = 0;  // before it was answered
  };

  // Both must outlive this.
  Answers(LogSink& log, const Clock& clock) : log_(log), clock_(clock) {}

  void Succeed(Ticket ticket, ktls::Offloaded proof, RemoteAuth remote,
               const Account& account);
  // Now, or a little later if the consumer would try again too soon.
  void Fail(Ticket ticket, Code code, Account account);
  // At once, whatever the consumer does.
  void FailNow(Ticket ticket, Code code, const Account& account);

  // Sends what is due. Call at NextWake at the latest.
  void OnTime();
  std::optional<MonotonicTime> NextWake() const;
  void SendAll();  // what waits, now
  std::size_t waiting() const { return waiting_.size(); }
  bool HasOf(const HandshakeKernel& kernel) const;
  const Counts& counts() const { return counts_; }

 private:
  struct Waiting {
    Ticket ticket;
    Code code;
    Account account;
    MonotonicTime due;
  };
  void NoteRefused(const Ticket& ticket, const Status& done);

  LogSink& log_;
  const Clock& clock_;
  std::list<Waiting> waiting_;
  Counts counts_;
};

// The fields of the line about one handshake. `code` is nothing for success.
LogEvent DescribeHandshake(const Ticket& ticket, std::optional<Code> code,
                           const Account& account, MonotonicTime now);

}  // namespace ktlsd::agent
