/* Serves files over TLS 1.3 with sendfile: the kernel encrypts.
 *
 *   serve_file CHAIN.pem KEY.pem PORT DIRECTORY COUNT
 *
 * Answers COUNT connections to 127.0.0.1:PORT, one after the other, and ends;
 * 0 is no limit. A client sends the name of a file in DIRECTORY and a newline;
 * it gets the file and then close_notify. Without close_notify, something went
 * wrong and what came is incomplete. Exit status 0 when all were served, 1
 * when one was not, 2 when it could not start. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier) */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ktlsd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "tools/examples/close_notify.h"

enum { kNameRoom = 256, kTimeoutSeconds = 10 };

static int complain(const char* what, const char* why) {
  fprintf(stderr, "serve_file: %s: %s\n", what, why);
  return -1;
}

/* A socket that listens on the loopback address. */
static int listen_on(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  const int on = 1;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(fd, (struct sockaddr*)&address, sizeof(address)) != 0 ||
      listen(fd, SOMAXCONN) != 0) {
    return complain("cannot listen", strerror(errno));
  }
  return fd;
}

/* Leaves `fd` a kTLS socket. Its timeouts bound each wait. */
static int handshake(const ktlsd_config* config, int fd) {
  ktlsd_engine* engine = NULL;
  const char* text = "";
  int wait = 0;
  int code = ktlsd_engine_new(config, &engine);
  if (code == KTLSD_OK) {
    code = ktlsd_handshake_fd(engine, fd, &wait);
    ktlsd_engine_error_text(engine, &text);
    ktlsd_engine_free(engine);
  }
  if (code != KTLSD_OK) {
    fprintf(stderr, "serve_file: no handshake: %s %s\n", ktlsd_code_name(code),
            text);
    return -1;
  }
  /* All that a server with a key of its own waits for is the socket. */
  return wait == KTLSD_DONE ? 0 : complain("no handshake", "timed out");
}

/* Reads a line that names a file of a folder. */
static int read_name(int fd, char name[kNameRoom]) {
  size_t length = 0;
  while (length < kNameRoom) {
    const ssize_t count = read(fd, name + length, kNameRoom - length);
    char* end;
    if (count <= 0) {
      return complain("no request", count < 0 ? strerror(errno) : "closed");
    }
    end = memchr(name + length, '\n', (size_t)count);
    length += (size_t)count;
    if (end != NULL) {
      *end = '\0';
      return name[0] == '.' || strchr(name, '/') != NULL
                 ? complain("no file of the folder", "refused")
                 : 0;
    }
  }
  return complain("no request", "too long");
}

static int send_file(int fd, int file) {
  struct stat status;
  off_t sent = 0;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    return complain("cannot send", "not a regular file");
  }
  while (sent < status.st_size) {
    const ssize_t count =
        sendfile(fd, file, &sent, (size_t)(status.st_size - sent));
    if (count <= 0) {
      return complain("sendfile", count < 0 ? strerror(errno) : "file shrank");
    }
  }
  return 0;
}

static int serve(const ktlsd_config* config, int fd, int folder) {
  const struct timeval timeout = {.tv_sec = kTimeoutSeconds};
  char name[kNameRoom];
  int file;
  int result;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0) {
    return complain("cannot set timeouts", strerror(errno));
  }
  if (handshake(config, fd) != 0 || read_name(fd, name) != 0) {
    return -1;
  }
  file = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) {
    return complain("cannot open the file", strerror(errno));
  }
  result = send_file(fd, file);
  close(file);
  return result == 0 ? send_close_notify(fd) : result;
}

int main(int argc, char** argv) {
  ktlsd_config* config = NULL;
  long port;
  long count;
  int folder;
  int listener;
  int failed = 0;
  int code;
  if (argc != 6) {
    fprintf(stderr,
            "usage: serve_file CHAIN.pem KEY.pem PORT DIRECTORY "
            "COUNT\n");
    return 2;
  }
  port = strtol(argv[3], NULL, 10);
  count = strtol(argv[5], NULL, 10);
  code = ktlsd_config_new_server(&config);
  if (code == KTLSD_OK) {
    code = ktlsd_config_set_certificate_files(config, argv[1], argv[2]);
  }
  if (code != KTLSD_OK || port < 1 || port > 65535 || count < 0) {
    complain("cannot start",
             code != KTLSD_OK ? ktlsd_code_name(code) : "bad PORT or COUNT");
    return 2;
  }
  /* sendfile cannot be told MSG_NOSIGNAL. */
  signal(SIGPIPE, SIG_IGN);
  folder = open(argv[4], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  listener = listen_on((uint16_t)port);
  if (folder < 0 || listener < 0) {
    complain("cannot start", "no folder or no port");
    return 2;
  }
  for (long n = 0; count == 0 || n < count; ++n) {
    const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 || serve(config, fd, folder) != 0) {
      failed = 1;
    }
    if (fd >= 0) {
      close(fd);
    }
  }
  close(listener);
  close(folder);
  ktlsd_config_free(config);
  return failed;
}
