#include "agent/worker/poll_ring.h"

#include <linux/time_types.h>
#include <poll.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

namespace ktlsd::agent {
namespace {

// Completions are made in io_uring_enter, by this thread, and never interrupt
// it.
constexpr unsigned kSetupFlags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE |
                                 IORING_SETUP_SINGLE_ISSUER |
                                 IORING_SETUP_DEFER_TASKRUN;
// One mapping for both queues; no completion is ever dropped; a time limit for
// io_uring_enter.
constexpr unsigned kNeededFeatures =
    IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG;
constexpr unsigned kEvents = POLLIN | POLLRDHUP;

Error CannotMake(int os_error) {
  return {Code::kSystemFailed, "cannot make a restricted io_uring", os_error};
}

// The kernel reads and writes these at the same time.
unsigned Acquire(unsigned* value) {
  return std::atomic_ref(*value).load(std::memory_order_acquire);
}
void Release(unsigned* value, unsigned next) {
  std::atomic_ref(*value).store(next, std::memory_order_release);
}

__kernel_timespec TimespecOf(std::chrono::milliseconds time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return {seconds.count(), std::chrono::nanoseconds(time - seconds).count()};
}

}  // namespace

int RingMemory::Map(BorrowedFd ring, std::size_t size, uint64_t offset) {
  void* const memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
             ring.raw(), static_cast<off_t>(offset));
  if (memory == MAP_FAILED) {
    return errno;
  }
  bytes_ = std::span(static_cast<std::byte*>(memory), size);
  return 0;
}

RingMemory::RingMemory(RingMemory&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})) {}

RingMemory::~RingMemory() {
  if (!bytes_.empty()) {
    ::munmap(bytes_.data(), bytes_.size());
  }
}

Result<PollRing> PollRing::Make(RingCalls& calls, Size size) {
  io_uring_params params{};
  params.flags = kSetupFlags;
  params.cq_entries = size.completions;
  const int made = calls.Setup(size.submissions, params);
  if (made < 0) {
    return CannotMake(-made);
  }
  PollRing ring(calls, OwnedFd(made));
  if ((params.features & kNeededFeatures) != kNeededFeatures) {
    return CannotMake(EOPNOTSUPP);
  }
  RETURN_IF_ERROR(ring.Map(params));
  RETURN_IF_ERROR(ring.Restrict());
  return ring;
}

Status PollRing::Map(const io_uring_params& params) {
  sq_size_ = params.sq_entries;
  cq_size_ = params.cq_entries;
  const std::size_t queues =
      std::max(params.sq_off.array + sq_size_ * sizeof(unsigned),
               params.cq_off.cqes + cq_size_ * sizeof(io_uring_cqe));
  int error = queues_.Map(ring_.borrow(), queues, IORING_OFF_SQ_RING);
  error = error != 0
              ? error
              : entries_.Map(ring_.borrow(), sq_size_ * sizeof(io_uring_sqe),
                             IORING_OFF_SQES);
  if (error != 0) {
    return CannotMake(error);
  }
  sq_head_ = queues_.At<unsigned>(params.sq_off.head);
  sq_tail_ = queues_.At<unsigned>(params.sq_off.tail);
  cq_head_ = queues_.At<unsigned>(params.cq_off.head);
  cq_tail_ = queues_.At<unsigned>(params.cq_off.tail);
  sqes_ = entries_.At<io_uring_sqe>(0);
  cqes_ = queues_.At<const io_uring_cqe>(params.cq_off.cqes);
  // Entries are used in the order of their places.
  const std::span<unsigned> order(queues_.At<unsigned>(params.sq_off.array),
                                  sq_size_);
  for (unsigned i = 0; i < sq_size_; ++i) {
    order[i] = i;
  }
  return Ok{};
}

Status PollRing::Restrict() {
  std::array<io_uring_restriction, 3> allowed{};
  allowed[0].opcode = IORING_RESTRICTION_SQE_OP;
  allowed[0].sqe_op = IORING_OP_POLL_ADD;
  allowed[1].opcode = IORING_RESTRICTION_SQE_OP;
  allowed[1].sqe_op = IORING_OP_ASYNC_CANCEL;
  // Without effect on a ring that is enabled; but with no restriction of this
  // kind some kernels would let everything be registered.
  allowed[2].opcode = IORING_RESTRICTION_REGISTER_OP;
  allowed[2].register_op = IORING_REGISTER_ENABLE_RINGS;
  int result = calls_.Register(ring_.raw(), IORING_REGISTER_RESTRICTIONS,
                               allowed.data(), allowed.size());
  if (result >= 0) {
    result =
        calls_.Register(ring_.raw(), IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  }
  return result < 0 ? Status(CannotMake(-result)) : Status(Ok{});
}

bool PollRing::full() const {
  return *sq_tail_ - Acquire(sq_head_) == sq_size_;
}

// The kernel reads entries in Enter only, so the tail may move at once.
io_uring_sqe& PollRing::Queue() {
  const unsigned tail = *sq_tail_;
  io_uring_sqe& entry = sqes_[tail & (sq_size_ - 1)];
  entry = io_uring_sqe{};
  Release(sq_tail_, tail + 1);
  return entry;
}

void PollRing::Poll(BorrowedFd fd, uint64_t id, bool room) {
  io_uring_sqe& entry = Queue();
  entry.opcode = IORING_OP_POLL_ADD;
  entry.fd = fd.raw();
  entry.len = IORING_POLL_ADD_MULTI;
  entry.poll32_events = kEvents | (room ? POLLOUT : 0U);
  entry.user_data = id;
}

void PollRing::Cancel(uint64_t id, uint64_t cancel_id) {
  io_uring_sqe& entry = Queue();
  entry.opcode = IORING_OP_ASYNC_CANCEL;
  entry.fd = -1;
  entry.addr = id;
  entry.user_data = cancel_id;
}

Status PollRing::Enter(unsigned least,
                       std::optional<std::chrono::milliseconds> at_most) {
  const __kernel_timespec time =
      TimespecOf(at_most.value_or(std::chrono::milliseconds(0)));
  io_uring_getevents_arg argument{};
  if (at_most) {
    argument.ts = reinterpret_cast<uintptr_t>(&time);
  }
  const int result =
      calls_.Enter(ring_.raw(), *sq_tail_ - Acquire(sq_head_), least,
                   IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, argument);
  switch (result) {
    case -ETIME:
    case -EINTR:
    case -EBUSY:  // take completions first
      return Ok{};
    case -EAGAIN:
    case -ENOMEM:
      return Error{Code::kNoMemory, "io_uring_enter", -result};
    default:
      return result < 0
                 ? Status(Error{Code::kSystemFailed, "io_uring_enter", -result})
                 : Status(Ok{});
  }
}

std::optional<PollRing::Completion> PollRing::Take() {
  const unsigned head = *cq_head_;
  if (head == Acquire(cq_tail_)) {
    return std::nullopt;
  }
  const io_uring_cqe& entry = cqes_[head & (cq_size_ - 1)];
  const Completion completion{entry.user_data, entry.res,
                              (entry.flags & IORING_CQE_F_MORE) != 0};
  Release(cq_head_, head + 1);
  return completion;
}

}  // namespace ktlsd::agent
