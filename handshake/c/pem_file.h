// The bytes of a small file, wiped at the end: it may hold a private key.
//
// Layer:     handshake/c: the library's only reader of files.
#pragma once

#include <cstring>

#include "base/bytes.h"
#include "base/result.h"

namespace ktlsd::handshake {

class PemFile {
 public:
  // Errors: `unusable`, with the errno, for a file that is not there, cannot
  //         be read, is no regular one or has more than 1 MiB.
  static Result<PemFile> Read(const char* path, Code unusable);
  PemFile(PemFile&&) noexcept = default;
  PemFile& operator=(PemFile&&) = delete;
  ~PemFile() {
    if (!bytes_.empty()) {
      ::explicit_bzero(bytes_.data(), bytes_.size());
    }
  }

  ByteView view() const { return bytes_; }

 private:
  PemFile() = default;
  Bytes bytes_;
};

}  // namespace ktlsd::handshake
