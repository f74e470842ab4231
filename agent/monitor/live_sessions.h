// Sessions that are up, and whether their peers' certificates still hold.
//
// Scope:     on request. Keeps the name of each connection and the chain that
//            its peer showed, unparsed. When there is another trust store, CRL
//            or list of who may come, and when what the chain depends on ends,
//            the verifier judges the chain again, and a session whose peer it
//            would refuse is ended in the kernel: its consumer connects anew
//            and is refused by a handshake. A fault of ours, as a CRL that is
//            out of date, ends none.
// Layer:     agent/monitor.
// Threads:   one thread; never blocks.
// Privilege: CAP_NET_ADMIN, through SocketDiag.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/control/status_report.h"
#include "agent/ipc/messages.h"
#include "agent/log/log_event.h"
#include "agent/monitor/resources.h"
#include "agent/netlink/socket_diag.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace ktlsd::agent {

// What is known of a session when it is reported.
struct NewSession {
  ConnectionName connection;
  SocketDiag* diag = nullptr;  // of its network namespace
  std::string settings;        // the group that served
  Side side{};                 // ours
  std::string server_name;     // of a client
  std::string peer;
  std::string netns;
  std::string subject;
  std::vector<Bytes> chain;
};

class LiveSessions {
 public:
  // Beyond either the oldest are not watched any more. That a session has ended
  // is seen only when it is to be ended.
  static constexpr std::size_t kMost = 4096;
  static constexpr std::size_t kMostBytes = 16U << 20;  // of chains
  // Chains that the verifier has at a time, so that handshakes come first.
  static constexpr std::size_t kMostAsked = 64;
  // All are looked at so often at most.
  static constexpr std::chrono::milliseconds kLookEvery{100};
  // After a fault of ours.
  static constexpr std::chrono::seconds kTryAgain{60};

  // All must outlive this.
  LiveSessions(LogSink& log, const Clock& clock, Resources& resources)
      : log_(log), clock_(clock), resources_(resources) {}

  // Whether this kernel ends connections; else why not.
  void SetAbility(Status able) { able_ = able; }

  // Off, as at first: none are kept.
  void Enable(bool enabled);
  bool enabled() const { return enabled_; }

  void Add(NewSession session);
  // What ended them is gone.
  void Forget(const SocketDiag& diag);
  // Asks about those that are due. Call now and then, and at NextWake.
  void OnTime();
  std::optional<MonotonicTime> NextWake() const {
    return more_ ? std::optional(look_at_) : std::nullopt;
  }
  void Handle(const Rechecked& answer);
  // The verifier owes answers.
  bool asking() const { return asked_ > 0; }

  std::vector<StatusReport::Live> List() const;
  std::size_t size() const { return sessions_.size(); }

 private:
  struct Session {
    SessionId id;
    NewSession known;
    std::size_t bytes;
    CalendarTime since;
    TrustId judged_by = 0;
    std::optional<TrustId> asked = std::nullopt;     // and not answered
    std::optional<CalendarTime> due = std::nullopt;  // whatever the trust is
    std::string state = "to be checked";             // for who asks
  };
  using Sessions = std::list<Session>;  // oldest first

  bool IsDue(const Session& session, TrustId trust) const;
  void Ask(Session& session, TrustId trust);
  void End(Sessions::iterator session, const Rechecked& answer);
  void Log(const Session& session, const Rechecked& answer,
           const Status& ended);
  Sessions::iterator Erase(Sessions::iterator session);

  LogSink& log_;
  const Clock& clock_;
  Resources& resources_;
  bool enabled_ = false;
  Sessions sessions_;
  std::size_t bytes_ = 0;
  std::size_t asked_ = 0;  // and not answered
  SessionId last_id_ = 0;
  Status able_ = Ok{};
  MonotonicTime look_at_ = MonotonicTime::min();
  bool more_ = false;  // are due than were asked about
};

}  // namespace ktlsd::agent
