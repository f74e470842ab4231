// The network namespaces that have a name.
//
// Scope:     the directory in which `ip netns` keeps them, one file each. A
//            namespace that was removed and made again under its name is
//            another one, and is told apart.
// Layer:     agent/netns.
// Threads:   thread-compatible.
#pragma once

#include <sys/types.h>

#include <compare>
#include <string>
#include <utility>
#include <vector>

#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

// As long as one descriptor of it is open no other namespace has its identity.
struct NetnsIdentity {
  dev_t device = 0;
  ino_t inode = 0;

  auto operator<=>(const NetnsIdentity&) const = default;
};

struct OpenNetns {
  OwnedFd descriptor;
  NetnsIdentity identity;
};

class NetnsDirectory {
 public:
  static constexpr char kPath[] = "/run/netns";

  explicit NetnsDirectory(std::string path = kPath) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  // Sorted; none where there is no directory.
  std::vector<std::string> Names() const;
  // Errors: kSystemFailed with the errno; without one: the file is there, but
  //         no network namespace (yet: it is made before it is one)
  Result<OpenNetns> Open(const std::string& name) const;
  // The namespace that the process is in.
  static Result<OpenNetns> OpenOwn();

 private:
  std::string path_;
};

}  // namespace ktlsd::agent
