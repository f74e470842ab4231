/* Fetches a file from serve_file over TLS 1.3: the kernel decrypts.
 *
 *   fetch_file CA.pem HOST PORT NAME > FILE
 *
 * HOST must be in the server's certificate. Exit status 0 only when the server
 * said with close_notify that the file is complete. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier) */
#include <errno.h>
#include <fcntl.h>
#include <ktlsd.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/examples/close_notify.h"
#include "tools/examples/nonblocking.h"

enum { kBufferBytes = 65536 };

static int complain(const char* what, const char* why) {
  fprintf(stderr, "fetch_file: %s: %s\n", what, why);
  return -1;
}

/* A non-blocking socket, connected to the first address that answers. */
static int connect_to(const char* host, const char* port) {
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct addrinfo* found = NULL;
  int fd = -1;
  const int error = getaddrinfo(host, port, &hints, &found);
  if (error != 0) {
    return complain(host, gai_strerror(error));
  }
  for (struct addrinfo* a = found; a != NULL && fd < 0; a = a->ai_next) {
    fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd >= 0 && (connect(fd, a->ai_addr, a->ai_addrlen) != 0 ||
                    fcntl(fd, F_SETFL, O_NONBLOCK) != 0)) {
      close(fd);
      fd = -1;
    }
  }
  freeaddrinfo(found);
  return fd >= 0 ? fd : complain("cannot connect", strerror(errno));
}

/* Drives a non-blocking socket until the kernel has the keys. */
static int drive(ktlsd_engine* engine, int fd) {
  int wait = 0;
  while (wait != KTLSD_DONE) {
    const char* text = "";
    const int code = ktlsd_handshake_fd(engine, fd, &wait);
    if (code != KTLSD_OK) {
      ktlsd_engine_error_text(engine, &text);
      fprintf(stderr, "fetch_file: no handshake: %s %s\n",
              ktlsd_code_name(code), text);
      return -1;
    }
    if (wait != KTLSD_DONE &&
        wait_for(fd, wait == KTLSD_WANT_WRITE ? POLLOUT : POLLIN) != 0) {
      return complain("no handshake", strerror(errno));
    }
  }
  return 0;
}

static int handshake(const char* trust, const char* host, int fd) {
  ktlsd_config* config = NULL;
  ktlsd_engine* engine = NULL;
  int result = -1;
  int code = ktlsd_config_new_client(&config);
  if (code == KTLSD_OK) {
    code = ktlsd_config_set_trust_files(config, trust);
  }
  if (code == KTLSD_OK) {
    code = ktlsd_config_set_server_name(config, host);
  }
  if (code == KTLSD_OK) {
    code = ktlsd_engine_new(config, &engine);
  }
  if (code != KTLSD_OK) {
    complain("no handshake", ktlsd_code_name(code));
  } else {
    result = drive(engine, fd);
  }
  ktlsd_engine_free(engine);
  ktlsd_config_free(config);
  return result;
}

static int request(int fd, const char* name) {
  char line[256];
  const int length = snprintf(line, sizeof(line), "%s\n", name);
  if (length < 2 || (size_t)length >= sizeof(line)) {
    return complain(name, "not a name");
  }
  return send_all(fd, line, (size_t)length) == 0
             ? 0
             : complain("cannot ask", strerror(errno));
}

/* Copies application data to standard output until close_notify. */
static int copy_answer(int fd) {
  static char buffer[kBufferBytes];
  for (;;) {
    int closed = 0;
    const ssize_t count = receive(fd, buffer, sizeof(buffer), &closed);
    if (closed) {
      return fflush(stdout) == 0 ? 0
                                 : complain("cannot write", strerror(errno));
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
      if (wait_for(fd, POLLIN) != 0) {
        return complain("incomplete", strerror(errno));
      }
    } else if (count <= 0) {
      return complain("incomplete",
                      count < 0 ? strerror(errno) : "no close_notify");
    } else if (fwrite(buffer, 1, (size_t)count, stdout) != (size_t)count) {
      return complain("cannot write", strerror(errno));
    }
  }
}

int main(int argc, char** argv) {
  int fd;
  int result;
  if (argc != 5) {
    fprintf(stderr, "usage: fetch_file CA.pem HOST PORT NAME > FILE\n");
    return 2;
  }
  fd = connect_to(argv[2], argv[3]);
  if (fd < 0) {
    return 1;
  }
  result = handshake(argv[1], argv[2], fd);
  if (result == 0) {
    result = request(fd, argv[4]);
  }
  if (result == 0) {
    result = copy_answer(fd);
  }
  close(fd);
  return result == 0 ? 0 : 1;
}
