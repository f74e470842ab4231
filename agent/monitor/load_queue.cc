#include "agent/monitor/load_queue.h"

#include <sys/socket.h>

namespace ktlsd::agent {
namespace {

// What is unread and what may be are counted in the kernel's own way: with all
// that a message takes.
bool IsHalfFull(const Link& link) {
  int room = 0;
  socklen_t size = sizeof(room);
  return ::getsockopt(link.socket().raw(), SOL_SOCKET, SO_SNDBUF, &room,
                      &size) == 0 &&
         link.unread() > static_cast<std::size_t>(room) / 2;
}

Error Full() { return {Code::kTooBusy, "a link's queue is full"}; }

}  // namespace

Status LoadQueue::SendNow(Link& link, const Waiting& waiting) {
  if (IsHalfFull(link)) {
    return Full();
  }
  std::vector<BorrowedFd> borrowed;
  borrowed.reserve(waiting.descriptors.size());
  for (const OwnedFd& descriptor : waiting.descriptors) {
    borrowed.push_back(descriptor.borrow());
  }
  return waiting.send(link, waiting.payload, borrowed);
}

Status LoadQueue::Add(Link& link, Waiting waiting) {
  if (waiting_.empty()) {
    Status sent = SendNow(link, waiting);
    if (sent.ok() || sent.error().code != Code::kTooBusy) {
      return sent;
    }
  }
  if (waiting_.size() >= kMostWaiting) {
    return Full();
  }
  waiting_.push_back(std::move(waiting));
  return Ok{};
}

void LoadQueue::SendMore(Link& link) {
  while (!waiting_.empty() && SendNow(link, waiting_.front()).ok()) {
    waiting_.pop_front();
  }
}

}  // namespace ktlsd::agent
