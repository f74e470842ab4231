#include "agent/monitor/accept_pace.h"

#include <algorithm>
#include <utility>

namespace ktlsd::agent {
namespace {

constexpr std::chrono::milliseconds kComplaintEvery{10'000};

}  // namespace

bool AcceptPace::resting() const {
  return again_.has_value() && *again_ > clock_.Now();
}

bool AcceptPace::due() const {
  return again_.has_value() && *again_ <= clock_.Now();
}

// The same trouble over and over is one line, until it is over; trouble that
// comes and goes is one line in ten seconds.
bool AcceptPace::WorthALine(const Error& error) const {
  const bool same = complained_.has_value() && complaint_ == error.what &&
                    os_error_ == error.os_error;
  return !same ||
         (!recovery_is_news_ && clock_.Now() - *complained_ >= kComplaintEvery);
}

void AcceptPace::Failed(const Error& error) {
  ++failures_;
  pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
  again_ = clock_.Now() + pause_;
  if (!WorthALine(error)) {
    return;
  }
  complaint_ = error.what;
  os_error_ = error.os_error;
  complained_ = clock_.Now();
  recovery_is_news_ = true;
  LogEvent event{EventKind::kKernelTrouble, LogLevel::kError, {}};
  log_.Write(event.Add("reason", error.what)
                 .Add("os_error", error.os_error)
                 .Add("consequence", "requests wait in the kernel"));
}

void AcceptPace::Worked() {
  pause_ = std::chrono::milliseconds(0);
  const uint64_t failures = std::exchange(failures_, 0);
  if (std::exchange(recovery_is_news_, false)) {
    LogEvent event{EventKind::kKernelTrouble, LogLevel::kNotice, {}};
    log_.Write(event.Add("reason", "requests are taken again")
                   .Add("failures", static_cast<int64_t>(failures)));
  }
}

}  // namespace ktlsd::agent
