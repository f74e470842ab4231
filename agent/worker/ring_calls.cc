#include "agent/worker/ring_calls.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace ktlsd::agent {
namespace {

int OrErrno(long result) {
  return result < 0 ? -errno : static_cast<int>(result);
}

}  // namespace

int RingCalls::Setup(unsigned entries, io_uring_params& params) {
  return OrErrno(::syscall(SYS_io_uring_setup, entries, &params));
}

int RingCalls::Register(int ring, unsigned opcode, const void* argument,
                        unsigned count) {
  return OrErrno(
      ::syscall(SYS_io_uring_register, ring, opcode, argument, count));
}

int RingCalls::Enter(int ring, unsigned submit, unsigned least, unsigned flags,
                     const io_uring_getevents_arg& argument) {
  return OrErrno(::syscall(SYS_io_uring_enter, ring, submit, least, flags,
                           &argument, sizeof argument));
}

}  // namespace ktlsd::agent
