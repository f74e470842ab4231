// A ring used as a worker that was taken over would: past PollRing, which makes
// entries of two kinds only.
//
// Layer:     agent/worker/testing.
// Threads:   the ring's.
#pragma once

#include <linux/io_uring.h>

#include "agent/worker/poll_ring.h"
#include "agent/worker/ring_calls.h"

namespace ktlsd::agent {

class Forger : public RingCalls {
 public:
  // Notes how the ring is made; maps its memory once more.
  int Setup(unsigned entries, io_uring_params& params) override;

  // Hands `entry` to the kernel. Returns its result, or why it was not taken:
  // a negative errno. Drops the ring's other completions.
  int Submit(io_uring_sqe entry);

  int ring() const { return ring_; }

 private:
  int ring_ = -1;
  io_uring_params params_{};
  RingMemory queues_;
  RingMemory entries_;
};

}  // namespace ktlsd::agent
