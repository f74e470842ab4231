#include "agent/worker/testing/forger.h"

#include <algorithm>
#include <atomic>
#include <cerrno>

namespace ktlsd::agent {
namespace {

constexpr uint64_t kForged = uint64_t{1} << 62;

}  // namespace

int Forger::Setup(unsigned entries, io_uring_params& params) {
  ring_ = RingCalls::Setup(entries, params);
  params_ = params;
  if (ring_ < 0) {
    return ring_;
  }
  const std::size_t queues =
      std::max(params.sq_off.array + params.sq_entries * sizeof(unsigned),
               params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe));
  const int error = queues_.Map(BorrowedFd(ring_), queues, IORING_OFF_SQ_RING);
  return error != 0 || entries_.Map(BorrowedFd(ring_),
                                    params.sq_entries * sizeof(io_uring_sqe),
                                    IORING_OFF_SQES) != 0
             ? -ENOMEM
             : ring_;
}

int Forger::Submit(io_uring_sqe entry) {
  entry.user_data = kForged;
  std::atomic_ref sq_tail(*queues_.At<unsigned>(params_.sq_off.tail));
  std::atomic_ref cq_head(*queues_.At<unsigned>(params_.cq_off.head));
  std::atomic_ref cq_tail(*queues_.At<unsigned>(params_.cq_off.tail));
  const auto* completions = queues_.At<const io_uring_cqe>(params_.cq_off.cqes);
  entries_.At<io_uring_sqe>(0)[sq_tail & (params_.sq_entries - 1)] = entry;
  ++sq_tail;
  for (;;) {
    const int entered =
        Enter(ring_, 1, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, {});
    if (entered < 0) {
      return entered;
    }
    while (cq_head != cq_tail) {
      const io_uring_cqe& completion =
          completions[cq_head & (params_.cq_entries - 1)];
      ++cq_head;
      if (completion.user_data == kForged) {
        return completion.res;
      }
    }
  }
}

}  // namespace ktlsd::agent
