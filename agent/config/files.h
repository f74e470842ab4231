// Opening the files that the configuration names.
//
// Scope:     a file that cannot be used is a Problem with its name and the
//            reason; nothing is put in its place.
// Layer:     agent/config.
// Threads:   none.
// Privilege: reads private keys' files: root's.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "agent/config/problem.h"
#include "base/error_codes.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {

// Where the file is that a value of the configuration names: the value itself;
// or, of "credential:NAME", the credential NAME that systemd handed to the
// service. Errors: with `code`; NAME has a '/' or is no name, or there are no
// credentials.
std::variant<std::string, Problem> PathOf(const std::string& value, Code code);

// Opens the regular file that the value `path` names for reading; `code` is the
// problem's.
std::variant<OwnedFd, Problem> OpenFile(const std::string& path, Code code);

// Why a file with a secret is not to be used: it has to be root's, `owner`'s or
// ours, and nobody but its owner may access it (0400 or 0600).
enum class SecretFileFault : uint8_t { kNone, kOthersMayAccess, kOfAnother };
SecretFileFault JudgeSecretFile(const struct stat& about, uid_t owner);

// Opens the file of a private key, which nobody but its owner may access (0400
// or 0600), and whose owner must be root, `owner` or who we are.
// Errors: kPrivateKeyUnusable.
std::variant<OwnedFd, Problem> OpenPrivateKey(const std::string& path,
                                              uid_t owner);

// Like OpenFile, and reads it: at most 1 MiB.
std::variant<std::string, Problem> ReadText(const std::string& path, Code code);

// The trust store of the system, where there is one.
std::optional<std::string> SystemTrustStore();
// Where it may be, the first first.
std::span<const char* const> SystemTrustStorePlaces();

// Tells whether any of a set of files was changed, replaced, made or removed.
class FileStamps {
 public:
  FileStamps() = default;
  // Takes the state of now.
  // Of values of the configuration.
  explicit FileStamps(std::vector<std::string> paths);
  bool Changed() const;
  const std::vector<std::string>& paths() const { return paths_; }
  // The directories in which a change would show, links followed.
  std::vector<std::string> Directories() const;

 private:
  struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = -1;  // of an absent file
    timespec modified{};
    timespec status_changed{};
    bool operator==(const Stamp& other) const;
  };
  static Stamp StampOf(const std::string& path);

  std::vector<std::string> paths_;
  std::vector<Stamp> stamps_;
};

}  // namespace ktlsd::agent
