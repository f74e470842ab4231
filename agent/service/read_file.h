// Whole files from descriptors that the monitor opened.
//
// Layer:     agent/service.
// Threads:   pure functions.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

struct FileFacts {
  std::size_t size = 0;  // bytes
  mode_t mode = 0;
};

// What `file` is: a regular file of at most `limit` bytes, or an Error of
// `unusable`.
Result<FileFacts> InspectFile(BorrowedFd file, std::size_t limit,
                              Code unusable);

// Fills all of `into` from the start of `file`, whatever its position is.
// False when it is shorter, longer, or cannot be read.
bool ReadExactly(BorrowedFd file, std::span<uint8_t> into);

// All bytes of `file`. For public data.
Result<Bytes> ReadFile(BorrowedFd file, std::size_t limit, Code unusable);

}  // namespace ktlsd::agent
