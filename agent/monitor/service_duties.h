// What the monitor owes to the service manager and to the administrator as a
// service: being ready, alive and alone.
//
// Scope:     readiness, watchdog, the READY socket kept over restarts, other
//            agents in the kernel's group. Everything works without a manager.
// Layer:     agent/monitor.
// Threads:   one thread.
// Design:    docs/service.md
#pragma once

#include <cstdint>
#include <optional>

#include "agent/log/log_event.h"
#include "agent/monitor/answers.h"
#include "agent/netlink/listeners.h"
#include "agent/netlink/ready_socket.h"
#include "agent/systemd/heartbeat.h"
#include "agent/systemd/kept_descriptors.h"
#include "agent/systemd/notifier.h"
#include "base/clock.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {

// The name of the READY socket in the manager's store.
inline constexpr char kReadySocketName[] = "ready";

class ServiceDuties {
 public:
  // `log` and `clock` must outlive this.
  ServiceDuties(Notifier notifier, Heartbeat heartbeat, KeptDescriptors kept,
                LogSink& log, const Clock& clock);
  // As the environment says; to be called first in the process, see
  // KeptDescriptors and Notifier.
  static ServiceDuties FromEnvironment(LogSink& log, const Clock& clock);

  // What an earlier run left for this one; may be anything, or not valid.
  OwnedFd TakeReadySocket();
  // `ready` is in use from now on, by `origin` in place of what was kept.
  void Joined(BorrowedFd ready, ReadySocket::Origin origin,
              Listeners listeners);

  // For the first time: consumers wait no longer for an agent.
  void LookedIntoTheQueue() { looked_ = clock_->Exact(); }
  // All processes were started.
  void Serving();
  void Reloading();
  void Reloaded();
  enum class Why : uint8_t {
    kStop,     // consumers must not wait for an agent that does not come back
    kRestart,  // the next run goes on with the READY socket
  };
  // On a stop the kernel refuses what is asked from now on.
  void Stopping(Why why);

  std::optional<MonotonicTime> NextWake() const;
  // Beats, and says so when somebody else joined the group since the last look.
  void OnTime(const Answers::Counts& counts);

 private:
  void LookForOthers();
  LogEvent Trouble(std::string_view reason) const;

  LogSink* log_;
  const Clock* clock_;
  MonotonicTime started_;
  MonotonicTime looked_;
  Notifier notifier_;
  Heartbeat heartbeat_;
  KeptDescriptors kept_;
  BorrowedFd ready_{-1};
  ReadySocket::Origin origin_ = ReadySocket::Origin::kNew;
  Listeners listeners_;
  MonotonicTime look_at_;
};

}  // namespace ktlsd::agent
