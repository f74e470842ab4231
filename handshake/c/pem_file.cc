#include "handshake/c/pem_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/owned_fd.h"

namespace ktlsd::handshake {
namespace {

constexpr off_t kMaxFile = 1 << 20;  // bytes

}  // namespace

Result<PemFile> PemFile::Read(const char* path, Code unusable) {
  // Not to wait for a writer, should it be a pipe.
  const OwnedFd fd(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!fd.valid() || ::fstat(fd.raw(), &status) != 0) {
    return Error{unusable, "the file cannot be opened", errno};
  }
  if (!S_ISREG(status.st_mode) || status.st_size > kMaxFile) {
    return Error{unusable, "no regular file of at most 1 MiB"};
  }
  PemFile file;
  file.bytes_.resize(static_cast<std::size_t>(status.st_size));
  std::size_t done = 0;
  while (done < file.bytes_.size()) {
    const ssize_t count =
        ::read(fd.raw(), file.bytes_.data() + done, file.bytes_.size() - done);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return Error{unusable, "the file cannot be read", count < 0 ? errno : 0};
    }
    done += static_cast<std::size_t>(count);
  }
  return file;
}

}  // namespace ktlsd::handshake
