// The three system calls of io_uring, as a seam for tests.
//
// Layer:     agent/worker.
#pragma once

#include <linux/io_uring.h>

namespace ktlsd::agent {

// Each returns what the system call does, or a negative errno.
class RingCalls {
 public:
  virtual ~RingCalls() = default;
  // A descriptor that exec closes.
  virtual int Setup(unsigned entries, io_uring_params& params);
  virtual int Register(int ring, unsigned opcode, const void* argument,
                       unsigned count);
  virtual int Enter(int ring, unsigned submit, unsigned least, unsigned flags,
                    const io_uring_getevents_arg& argument);
};

}  // namespace ktlsd::agent
