// Files in memory, as descriptors, for tests of what the monitor passes on.
//
// Layer:     agent/service/testing.
#pragma once

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>
#include <string_view>

#include "base/owned_fd.h"

namespace ktlsd::agent {

inline OwnedFd TestFile(std::string_view contents, mode_t mode = 0600) {
  OwnedFd file(::memfd_create("test", MFD_CLOEXEC));
  if (!file.valid() ||
      ::write(file.raw(), contents.data(), contents.size()) !=
          static_cast<ssize_t>(contents.size()) ||
      ::fchmod(file.raw(), mode) != 0) {
    throw std::runtime_error("cannot make a test file");
  }
  return file;
}

}  // namespace ktlsd::agent
