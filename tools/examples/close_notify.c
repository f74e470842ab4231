#include "tools/examples/close_notify.h"

#include <errno.h>
#include <linux/tls.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/* RFC 8446 section 5.1 and 6. */
enum { kAlertRecord = 21, kDataRecord = 23, kWarning = 1, kCloseNotify = 0 };

/* Room for the record type, aligned as sendmsg(2) wants it. */
union control {
  char bytes[CMSG_SPACE(1)];
  struct cmsghdr header;
};

int send_close_notify(int fd) {
  unsigned char alert[2] = {kWarning, kCloseNotify};
  struct iovec data = {.iov_base = alert, .iov_len = sizeof(alert)};
  union control control;
  struct msghdr message = {.msg_iov = &data,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
  struct cmsghdr* type;
  memset(&control, 0, sizeof(control));
  type = CMSG_FIRSTHDR(&message);
  type->cmsg_level = SOL_TLS;
  type->cmsg_type = TLS_SET_RECORD_TYPE;
  type->cmsg_len = CMSG_LEN(1);
  *CMSG_DATA(type) = kAlertRecord;
  return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(alert) ? 0 : -1;
}

/* The kind of record that was received. */
static int record_type(struct msghdr* message) {
  struct cmsghdr* header = CMSG_FIRSTHDR(message);
  if (header != NULL && header->cmsg_level == SOL_TLS &&
      header->cmsg_type == TLS_GET_RECORD_TYPE) {
    return *CMSG_DATA(header);
  }
  return kDataRecord;
}

ssize_t receive(int fd, void* buffer, size_t size, int* closed) {
  struct iovec data = {.iov_base = buffer, .iov_len = size};
  union control control;
  struct msghdr message = {.msg_iov = &data,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof(control.bytes)};
  const unsigned char* alert = buffer;
  ssize_t count;
  *closed = 0;
  count = recvmsg(fd, &message, 0);
  if (count <= 0 || record_type(&message) == kDataRecord) {
    return count;
  }
  if (record_type(&message) == kAlertRecord && count == 2 &&
      alert[1] == kCloseNotify) {
    *closed = 1;
    return 0;
  }
  errno = EBADMSG;
  return -1;
}
