// Tokens for tests: softhsm2 for PKCS#11, swtpm for TPMs, each with a key that
// was made elsewhere.
//
// Scope:     runs their programs in a directory of its own. Throws when one
//            that is there fails; Missing() says what is not there.
// Layer:     agent/keeper/testing.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/owned_fd.h"

namespace ktlsd::agent {

// A directory under /tmp, whose name fits into a socket's; removed at the end.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory();

  // Writes a file and returns its path.
  std::string Write(const std::string& name, std::string_view contents,
                    mode_t mode = 0600) const;
  std::string PathOf(const std::string& name) const { return path_ + name; }

 private:
  std::string path_;  // ends with '/'
};

// PKCS#11's token "ktlsd" with the PIN 1234. Sets SOFTHSM2_CONF.
class SoftToken {
 public:
  // Empty, or why there can be none.
  static std::string Missing();
  static std::string Module();

  SoftToken();
  // `key_pem`: PKCS#8. `id`: two hexadecimal digits.
  void Import(std::string_view key_pem, const std::string& label,
              const std::string& id);
  const ScratchDirectory& scratch() const { return scratch_; }

 private:
  ScratchDirectory scratch_;
};

// A TPM in a process, behind a device file. Sets what tpm2-openssl finds it by.
class TpmEmulator {
 public:
  static std::string Missing();

  TpmEmulator();
  TpmEmulator(const TpmEmulator&) = delete;
  TpmEmulator& operator=(const TpmEmulator&) = delete;
  ~TpmEmulator();

  // Imports an elliptic curve's key; it is then at `handle`.
  void Import(std::string_view key_pem, const std::string& handle);
  const ScratchDirectory& scratch() const { return scratch_; }

 private:
  ScratchDirectory scratch_;
  OwnedFd emulator_;
  OwnedFd device_;
  pid_t pid_ = 0;
};

}  // namespace ktlsd::agent
