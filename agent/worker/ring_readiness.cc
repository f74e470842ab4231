#include "agent/worker/ring_readiness.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

class RingReadiness final : public Readiness {
 public:
  explicit RingReadiness(PollRing ring) : ring_(std::move(ring)) {}

  LoopKind kind() const override { return LoopKind::kIoUring; }
  Status Watch(BorrowedFd fd, Token token, Interest interest) override;
  Status Unwatch(BorrowedFd fd) override;
  Status Wait(std::optional<milliseconds> at_most,
              std::vector<Token>& ready) override;

 private:
  using PollId = uint64_t;
  // Names the entry that cancels a poll.
  static constexpr PollId kCancel = PollId{1} << 63;

  struct Poll {
    int fd;
    Token token;
    bool room;          // is of interest
    bool armed = true;  // the kernel has it, or is given it next
    bool told = false;  // is in ready_
    bool unwatched = false;
  };

  Status MakeRoom();
  void ArmAgain();
  Status Enter(unsigned least, std::optional<milliseconds> at_most);
  Status TakeCompletions();
  Status Take(const PollRing::Completion& completion);
  Status Break(const Error& error);

  PollRing ring_;
  std::unordered_map<PollId, Poll> polls_;   // that the kernel may report
  std::unordered_map<int, PollId> watched_;  // by descriptor
  std::vector<PollId> ready_;
  std::vector<PollId> ended_;  // by the kernel, though they are watched
  PollId last_id_ = 0;
  Status broken_ = Ok{};
};

Status RingReadiness::Watch(BorrowedFd fd, Token token, Interest interest) {
  if (watched_.contains(fd.raw())) {
    return Error{Code::kSystemFailed, "the descriptor is watched", EEXIST};
  }
  RETURN_IF_ERROR(MakeRoom());
  const PollId id = ++last_id_;
  const bool room = interest == Interest::kInputAndRoom;
  polls_.emplace(id, Poll{fd.raw(), token, room});
  watched_.emplace(fd.raw(), id);
  ring_.Poll(fd, id, room);
  return Ok{};
}

Status RingReadiness::Unwatch(BorrowedFd fd) {
  const auto watched = watched_.find(fd.raw());
  if (watched == watched_.end()) {
    return Ok{};
  }
  const PollId id = watched->second;
  watched_.erase(watched);
  Poll& poll = polls_.at(id);
  if (!poll.armed) {
    polls_.erase(id);
    return Ok{};
  }
  poll.unwatched = true;
  RETURN_IF_ERROR(MakeRoom());
  ring_.Cancel(id, id | kCancel);
  // Only its last completion says that the kernel has let go of the socket.
  while (polls_.contains(id)) {
    RETURN_IF_ERROR(Enter(1, std::nullopt));
  }
  return Ok{};
}

Status RingReadiness::Wait(std::optional<milliseconds> at_most,
                           std::vector<Token>& ready) {
  ArmAgain();
  // What came while a watch was ended, or has no room yet, does not wait.
  if (ready_.empty() && ended_.empty()) {
    RETURN_IF_ERROR(Enter(1, at_most));
  } else {
    RETURN_IF_ERROR(Enter(0, milliseconds(0)));
  }
  for (const PollId id : ready_) {
    const auto poll = polls_.find(id);
    if (poll != polls_.end() && !poll->second.unwatched) {
      poll->second.told = false;
      ready.push_back(poll->second.token);
    }
  }
  ready_.clear();
  return Ok{};
}

void RingReadiness::ArmAgain() {
  while (!ended_.empty() && !ring_.full()) {
    const auto poll = polls_.find(ended_.back());
    ended_.pop_back();
    if (poll != polls_.end()) {
      poll->second.armed = true;
      ring_.Poll(BorrowedFd(poll->second.fd), poll->first, poll->second.room);
    }
  }
}

Status RingReadiness::MakeRoom() {
  while (ring_.full()) {
    RETURN_IF_ERROR(Enter(0, milliseconds(0)));
  }
  return broken_;
}

Status RingReadiness::Enter(unsigned least,
                            std::optional<milliseconds> at_most) {
  RETURN_IF_ERROR(broken_);
  const Status entered = ring_.Enter(least, at_most);
  return entered.ok() ? TakeCompletions() : Break(entered.error());
}

Status RingReadiness::TakeCompletions() {
  while (const auto completion = ring_.Take()) {
    RETURN_IF_ERROR(Take(*completion));
  }
  return Ok{};
}

Status RingReadiness::Take(const PollRing::Completion& completion) {
  if ((completion.id & kCancel) != 0) {
    // Too late is no failure: the poll's own last completion is there then.
    const bool lost = completion.result < 0 && completion.result != -ENOENT &&
                      completion.result != -EALREADY;
    return lost ? Break({Code::kSystemFailed, "a poll cannot be cancelled",
                         -completion.result})
                : Status(Ok{});
  }
  const auto poll = polls_.find(completion.id);
  if (poll == polls_.end()) {
    return Ok{};
  }
  Poll& watch = poll->second;
  if (!watch.unwatched && !watch.told) {
    watch.told = true;
    ready_.push_back(completion.id);
  }
  if (completion.more) {
    return Ok{};
  }
  if (watch.unwatched) {
    polls_.erase(poll);
    return Ok{};
  }
  if (completion.result < 0) {
    return Break({Code::kSystemFailed, "a descriptor cannot be polled",
                  -completion.result});
  }
  // There was no room for its completion.
  watch.armed = false;
  ended_.push_back(completion.id);
  return Ok{};
}

Status RingReadiness::Break(const Error& error) {
  broken_ = error;
  return broken_;
}

}  // namespace

Result<std::unique_ptr<Readiness>> OpenRing(RingCalls& calls,
                                            PollRing::Size size) {
  ASSIGN_OR_RETURN(PollRing ring, PollRing::Make(calls, size));
  return std::unique_ptr<Readiness>(
      std::make_unique<RingReadiness>(std::move(ring)));
}

}  // namespace ktlsd::agent
