#include "agent/service/read_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace ktlsd::agent {
namespace {

// Like pread, but for interruptions.
ssize_t ReadAt(BorrowedFd file, std::span<uint8_t> into, std::size_t offset) {
  for (;;) {
    const ssize_t size = ::pread(file.raw(), into.data(), into.size(),
                                 static_cast<off_t>(offset));
    if (size >= 0 || errno != EINTR) {
      return size;
    }
  }
}

}  // namespace

Result<FileFacts> InspectFile(BorrowedFd file, std::size_t limit,
                              Code unusable) {
  struct stat facts{};
  if (::fstat(file.raw(), &facts) != 0) {
    return Error{unusable, "the file cannot be read", errno};
  }
  if (!S_ISREG(facts.st_mode)) {
    return Error{unusable, "not a regular file"};
  }
  const auto size = static_cast<std::size_t>(facts.st_size);
  if (size == 0) {
    return Error{unusable, "the file is empty"};
  }
  if (size > limit) {
    return Error{unusable, "the file is too large"};
  }
  return FileFacts{size, facts.st_mode};
}

bool ReadExactly(BorrowedFd file, std::span<uint8_t> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t size = ReadAt(file, into.subspan(done), done);
    if (size <= 0) {
      return false;
    }
    done += static_cast<std::size_t>(size);
  }
  uint8_t behind = 0;
  return ReadAt(file, std::span(&behind, 1), done) == 0;
}

Result<Bytes> ReadFile(BorrowedFd file, std::size_t limit, Code unusable) {
  ASSIGN_OR_RETURN(const FileFacts facts, InspectFile(file, limit, unusable));
  Bytes bytes(facts.size);
  if (!ReadExactly(file, bytes)) {
    return Error{unusable, "the file cannot be read, or changed meanwhile"};
  }
  return bytes;
}

}  // namespace ktlsd::agent
