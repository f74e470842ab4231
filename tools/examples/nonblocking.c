#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier) */
#include "tools/examples/nonblocking.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { kTimeoutMs = 10000 };

int wait_for(int fd, short events) {
  struct pollfd waiting = {.fd = fd, .events = events};
  int ready;
  do {
    ready = poll(&waiting, 1, kTimeoutMs);
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) {
    errno = ETIMEDOUT;
  }
  return ready > 0 ? 0 : -1;
}

int send_all(int fd, const void* data, size_t length) {
  const char* next = data;
  while (length > 0) {
    const ssize_t count = send(fd, next, length, MSG_NOSIGNAL);
    if (count >= 0) {
      next += count;
      length -= (size_t)count;
    } else if (errno == EAGAIN) {
      if (wait_for(fd, POLLOUT) != 0) {
        return -1;
      }
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return 0;
}
