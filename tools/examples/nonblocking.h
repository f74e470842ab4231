/* Waiting on a non-blocking socket: any send or receive on it may fail with
 * EAGAIN, on a kTLS socket as on others. */
#pragma once

#include <stddef.h>

/* Waits until `fd` is ready for `events` of poll(2). 0, or -1 with errno set:
 * ETIMEDOUT after ten seconds. */
int wait_for(int fd, short events);

/* Sends all of `data`, waiting for room where there is none. 0, or -1 with
 * errno set; EPIPE is one of those, and no signal (SIGPIPE) comes. */
int send_all(int fd, const void* data, size_t length);
