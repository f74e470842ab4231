#include "agent/worker/event_loop.h"

#include <algorithm>
#include <utility>

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestWait{60'000};

// A turn with more events may last so long that its beginning is no measure for
// a deadline.
constexpr std::size_t kShortTurn = 8;

}  // namespace

EventLoop::EventLoop(std::unique_ptr<Readiness> readiness, const Clock& clock,
                     Handlers handlers)
    : readiness_(std::move(readiness)),
      clock_(clock),
      handlers_(std::move(handlers)) {}

void EventLoop::At(MonotonicTime when, Token token) {
  deadlines_.push({when, token});
}

std::optional<milliseconds> EventLoop::UntilNext() const {
  if (deadlines_.empty()) {
    return std::nullopt;
  }
  // Rounded up, so that the loop does not spin through the last millisecond.
  return std::clamp(
      std::chrono::ceil<milliseconds>(deadlines_.top().when - clock_.Now()),
      milliseconds(0), kLongestWait);
}

void EventLoop::RunDeadlines() {
  const MonotonicTime now = clock_.Now();
  while (!deadlines_.empty() && deadlines_.top().when <= now) {
    const Token token = deadlines_.top().token;
    deadlines_.pop();
    handlers_.on_deadline(token);
  }
}

Status EventLoop::Run() {
  running_ = true;
  while (running_) {
    ready_.clear();
    RETURN_IF_ERROR(readiness_->Wait(UntilNext(), ready_));
    clock_.NewTurn();
    for (std::size_t i = 0; i < ready_.size() && running_; ++i) {
      handlers_.on_ready(ready_[i]);
    }
    if (ready_.size() > kShortTurn) {
      clock_.NewTurn();
    }
    RunDeadlines();
  }
  return Ok{};
}

}  // namespace ktlsd::agent
