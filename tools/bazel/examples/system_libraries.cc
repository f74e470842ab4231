// Includes and links every library of //tools/bazel/system.

#include <fmt/core.h>
#include <glib.h>
#include <keyutils.h>
#include <liburing.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <systemd/sd-daemon.h>

#include <CLI/CLI.hpp>

int main(int argc, char** argv) {
  CLI::App app{"prints the versions of the system libraries"};
  CLI11_PARSE(app, argc, argv);
  SSL_CTX* ssl = SSL_CTX_new(TLS_method());
  cap_t caps = cap_init();
  const scmp_version* seccomp = seccomp_version();
  io_uring ring{};
  const int uring = io_uring_queue_init(4, &ring, 0);
  if (uring == 0) {
    io_uring_queue_exit(&ring);
  }
  fmt::print("crypto {}\nglib {}.{}\nseccomp {}.{}\nuring {}\nbooted {}\n{}\n",
             OpenSSL_version(OPENSSL_VERSION), glib_major_version,
             glib_minor_version, seccomp->major, seccomp->minor, uring,
             sd_booted(), keyutils_version_string);
  cap_free(caps);
  SSL_CTX_free(ssl);
}
