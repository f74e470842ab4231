// Lets a User-Mode Linux of before 6.13 run where the processor's state is
// larger than it knows, as with AMX (11 KB instead of 2.7).
//
// It catches its guest's system calls with ptrace and sets the floating-point
// registers from a buffer of a fixed size. PTRACE_GETREGSET fills a buffer that
// is too small as far as it goes, but PTRACE_SETREGSET refuses one (EFAULT), so
// that the first process dies at once. Preloaded into it, this hands over the
// whole state: what the kernel does not know is zero, that is, not in use.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef long Ptrace(enum __ptrace_request request, ...);

enum { kRoom = 1 << 18 };  // bytes; any processor's state is a fraction of it

static long SetWholeState(Ptrace* libc, pid_t pid, struct iovec* given) {
  static _Alignas(64) unsigned char state[kRoom];
  static size_t size;
  if (size == 0) {
    struct iovec asked = {state, sizeof state};
    if (libc(PTRACE_GETREGSET, pid, (void*)NT_X86_XSTATE, &asked) != 0) {
      return -1;
    }
    size = asked.iov_len;
  }
  if (given->iov_len >= size) {
    return libc(PTRACE_SETREGSET, pid, (void*)NT_X86_XSTATE, given);
  }
  memcpy(state, given->iov_base, given->iov_len);
  memset(state + given->iov_len, 0, size - given->iov_len);
  struct iovec whole = {state, size};
  return libc(PTRACE_SETREGSET, pid, (void*)NT_X86_XSTATE, &whole);
}

long ptrace(enum __ptrace_request request, ...) {
  va_list arguments;
  va_start(arguments, request);
  const pid_t pid = va_arg(arguments, pid_t);
  void* const address = va_arg(arguments, void*);
  void* const data = va_arg(arguments, void*);
  va_end(arguments);
  static Ptrace* libc;
  if (libc == NULL) {
    libc = (Ptrace*)dlsym(RTLD_NEXT, "ptrace");
    if (libc == NULL) {
      errno = ENOSYS;
      return -1;
    }
  }
  if (request == PTRACE_SETREGSET && address == (void*)NT_X86_XSTATE) {
    return SetWholeState(libc, pid, data);
  }
  return libc(request, pid, address, data);
}
