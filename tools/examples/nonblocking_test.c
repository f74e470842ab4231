/* Exit status 0 when send_all waits for room, and outlives a peer that is gone.
 */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier) */
#include "tools/examples/nonblocking.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kBytes = 1 << 21 }; /* more than a socket holds */

static char data[kBytes];

static int failed(const char* what) {
  fprintf(stderr, "nonblocking_test: %s: %s\n", what, strerror(errno));
  return 1;
}

/* Exit status of a process that reads what comes. */
static int read_all(int fd) {
  static char buffer[4096];
  size_t total = 0;
  ssize_t count;
  while ((count = read(fd, buffer, sizeof(buffer))) > 0) {
    total += (size_t)count;
  }
  return count == 0 && total == kBytes ? 0 : 1;
}

static int waits_for_room(void) {
  int ends[2];
  int status = 1;
  pid_t reader;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 ||
      fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
    return failed("socketpair");
  }
  /* Fills the socket before anybody reads: the next send gets EAGAIN. */
  size_t sent = 0;
  ssize_t count;
  while ((count = send(ends[0], data, sizeof(data) - sent, 0)) > 0) {
    sent += (size_t)count;
  }
  if (errno != EAGAIN || sent == kBytes) {
    return failed("the socket does not fill");
  }
  reader = fork();
  if (reader == 0) {
    close(ends[0]);
    _exit(read_all(ends[1]));
  }
  close(ends[1]);
  if (reader < 0 || send_all(ends[0], data, kBytes - sent) != 0) {
    return failed("send_all");
  }
  close(ends[0]);
  if (waitpid(reader, &status, 0) != reader || status != 0) {
    return failed("not all came");
  }
  return 0;
}

static int outlives_its_peer(void) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
    return failed("socketpair");
  }
  close(ends[1]);
  if (send_all(ends[0], data, 1) != -1 || errno != EPIPE) {
    return failed("sent to nobody");
  }
  close(ends[0]);
  return 0;
}

int main(void) { return waits_for_room() + outlives_its_peer(); }
