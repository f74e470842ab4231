#include "agent/monitor/service_duties.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace ktlsd::agent {
namespace {

constexpr std::chrono::seconds kLookForOthersEvery{5};
constexpr char kServing[] = "Serving the kernel's handshake requests";

}  // namespace

ServiceDuties::ServiceDuties(Notifier notifier, Heartbeat heartbeat,
                             KeptDescriptors kept, LogSink& log,
                             const Clock& clock)
    : log_(&log),
      clock_(&clock),
      started_(clock.Now()),
      looked_(started_),
      notifier_(std::move(notifier)),
      heartbeat_(heartbeat),
      kept_(std::move(kept)),
      look_at_(started_ + kLookForOthersEvery) {}

ServiceDuties ServiceDuties::FromEnvironment(LogSink& log, const Clock& clock) {
  KeptDescriptors kept = KeptDescriptors::FromEnvironment();
  const Heartbeat heartbeat = Heartbeat::FromEnvironment(clock.Now());
  Result<Notifier> notifier = Notifier::FromEnvironment();
  if (!notifier.ok()) {
    // It will not see us ready and say so; until then we serve.
    LogEvent event{EventKind::kServiceTrouble, LogLevel::kWarning, {}};
    log.Write(event.Add("reason", notifier.error().what)
                  .Add("os_error", notifier.error().os_error));
  }
  return {notifier.ok() ? std::move(notifier).value() : Notifier(), heartbeat,
          std::move(kept), log, clock};
}

OwnedFd ServiceDuties::TakeReadySocket() {
  OwnedFd ready = kept_.Take(kReadySocketName);
  // Whatever else is there is in the way of what is to be kept.
  for (const std::string& name : kept_.Names()) {
    notifier_.Forget(name);
  }
  kept_ = KeptDescriptors();
  return ready;
}

void ServiceDuties::Joined(BorrowedFd ready, ReadySocket::Origin origin,
                           Listeners listeners) {
  ready_ = ready;
  origin_ = origin;
  listeners_ = std::move(listeners);
  if (origin == ReadySocket::Origin::kReplaced) {
    notifier_.Forget(kReadySocketName);
    log_->Write(
        Trouble("what was kept is not the socket for READY, replacing it"));
  }
  LookForOthers();
}

void ServiceDuties::Serving() {
  notifier_.Keep(kReadySocketName, ready_);
  notifier_.Ready(kServing);
  const auto since_start = [this](MonotonicTime time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time -
                                                                 started_)
        .count();
  };
  LogEvent event{EventKind::kReady, LogLevel::kInfo, {}};
  log_->Write(event.Add("ready_socket", OriginName(origin_))
                  .Add("start_us", since_start(looked_))
                  .Add("ready_us", since_start(clock_->Exact())));
}

void ServiceDuties::Reloading() { notifier_.Reloading(clock_->Now()); }

void ServiceDuties::Reloaded() { notifier_.Ready(kServing); }

void ServiceDuties::Stopping(Why why) {
  if (why == Why::kStop) {
    notifier_.Forget(kReadySocketName);
    LeaveGroups(ready_);
  }
  notifier_.Stopping();
}

void ServiceDuties::LookForOthers() {
  look_at_ = clock_->Now() + kLookForOthersEvery;
  const std::vector<Listener> others = listeners_.Newcomers();
  if (others.empty()) {
    return;
  }
  // One line, however many: anybody may join, and leave and join again.
  log_->Write(Trouble("another agent listens for handshake requests")
                  .Add("listeners", static_cast<int64_t>(others.size()))
                  .Add("netlink_port", others.front().port)
                  .Add("consequence", "it takes requests from this one"));
}

std::optional<MonotonicTime> ServiceDuties::NextWake() const {
  return std::min(look_at_, heartbeat_.Next().value_or(look_at_));
}

void ServiceDuties::OnTime(const Answers::Counts& counts) {
  if (clock_->Now() >= look_at_) {
    LookForOthers();
  }
  if (heartbeat_.Due(clock_->Now())) {
    notifier_.Beat(fmt::format("{}: {} succeeded, {} failed", kServing,
                               counts.succeeded, counts.failed));
  }
}

LogEvent ServiceDuties::Trouble(std::string_view reason) const {
  LogEvent event{EventKind::kServiceTrouble, LogLevel::kWarning, {}};
  return event.Add("reason", reason);
}

}  // namespace ktlsd::agent
