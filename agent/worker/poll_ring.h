// An io_uring that can poll descriptors, and nothing else.
//
// Scope:     made disabled, restricted to IORING_OP_POLL_ADD and
//            IORING_OP_ASYNC_CANCEL without any flag, then enabled; the kernel
//            answers any other entry with EACCES. Its memory, its two queues,
//            and io_uring_enter. Knows no watcher.
// Layer:     agent/worker.
// Threads:   one thread, the one that made it.
// Privilege: io_uring_setup and io_uring_register while it is made; afterwards
//            io_uring_enter only.
// Design:    docs/design/event-loop.md
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "agent/worker/ring_calls.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

// Memory shared with the kernel; unmapped at the end.
class RingMemory {
 public:
  // Returns 0 or an errno.
  int Map(BorrowedFd ring, std::size_t size, uint64_t offset);
  RingMemory() = default;
  RingMemory(RingMemory&& other) noexcept;
  RingMemory& operator=(RingMemory&&) = delete;
  ~RingMemory();

  template <typename T>
  T* At(std::size_t offset) const {
    return reinterpret_cast<T*>(bytes_.data() + offset);
  }

 private:
  std::span<std::byte> bytes_;
};

class PollRing {
 public:
  struct Completion {
    uint64_t id;
    int result;  // events, or a negative errno
    bool more;   // the poll goes on
  };
  struct Size {
    unsigned submissions = 256;
    unsigned completions = 4096;  // more are kept by the kernel
  };

  // `calls` must outlive the ring.
  // Errors: kSystemFailed with the errno: there is no io_uring, it is
  //         forbidden, or it lacks what this needs
  static Result<PollRing> Make(RingCalls& calls, Size size);

  // No entry can be queued before the next Enter.
  bool full() const;
  // Both queue one entry, and need !full().
  //
  // Reports `id` whenever `fd` is readable, hung up or, `room`, writable, now
  // or later, until a completion that says there are no more.
  void Poll(BorrowedFd fd, uint64_t id, bool room);
  // Ends that poll; reports `cancel_id` as well.
  void Cancel(uint64_t id, uint64_t cancel_id);

  // Hands what is queued to the kernel, and waits for so many completions, a
  // signal, or `at_most` (nothing: for ever). Not all that is queued need be
  // taken at once.
  // Errors: kNoMemory, kSystemFailed with the errno
  Status Enter(unsigned least,
               std::optional<std::chrono::milliseconds> at_most);

  // The next completion that is there.
  std::optional<Completion> Take();

 private:
  PollRing(RingCalls& calls, OwnedFd ring)
      : calls_(calls), ring_(std::move(ring)) {}

  Status Map(const io_uring_params& params);
  Status Restrict();
  io_uring_sqe& Queue();

  RingCalls& calls_;
  OwnedFd ring_;
  RingMemory queues_;
  RingMemory entries_;
  unsigned* sq_head_ = nullptr;
  unsigned* sq_tail_ = nullptr;
  unsigned* cq_head_ = nullptr;
  unsigned* cq_tail_ = nullptr;
  io_uring_sqe* sqes_ = nullptr;
  const io_uring_cqe* cqes_ = nullptr;
  unsigned sq_size_ = 0;  // powers of two
  unsigned cq_size_ = 0;
};

}  // namespace ktlsd::agent
