/* The end of data on a kTLS socket (RFC 8446 section 6.1): programs send and
 * receive close_notify themselves, the kernel only encrypts it. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* 0, or -1 with errno set. Nothing may be sent on `fd` afterwards. */
int send_close_notify(int fd);

/* As recv(2), for application data only. `*closed` is 1, and 0 returned, when
 * close_notify came. EBADMSG: another alert, or another kind of record (the
 * kernel passes on a KeyUpdate, which the example does not answer). */
ssize_t receive(int fd, void* buffer, size_t size, int* closed);
