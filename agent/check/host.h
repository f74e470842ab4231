// The host that is inspected: its kernel, keyrings and clock.
//
// Layer:     agent/check.
// Threads:   one thread.
// Privilege: root's, to see all that the daemon sees.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "agent/check/kernel_check.h"
#include "agent/keyring/keyrings.h"
#include "agent/monitor/tag_files.h"
#include "base/clock.h"
#include "base/result.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {

// What an inspection looks at.
struct Host {
  KernelFacts kernel;
  uid_t key_owner = 0;  // beside root
  Keyrings& keyrings;
  // Links the kernel's own keyrings and `configured` to this process; returns
  // the names that were not found.
  std::function<std::vector<std::string>(
      const std::vector<std::string>& configured)>
      link;
  const Clock& clock;
  std::string tags_directory = kTagsDirectory;
};

// The keyrings that the kernel makes.
const std::vector<std::string>& KernelsOwnKeyrings();

// The one that this runs on. Gives this process keyrings of its own, and has
// nobody look into it: it will hold private keys.
class ThisHost {
 public:
  ThisHost();
  ThisHost(const ThisHost&) = delete;
  ThisHost& operator=(const ThisHost&) = delete;

  // Must not outlive this.
  Host host();
  // What did not work.
  const std::vector<Error>& troubles() const { return troubles_; }

 private:
  std::vector<std::string> Link(const std::vector<std::string>& configured);

  ktls::KernelSocketOps socket_ops_;
  KernelKeyrings keyrings_;
  SystemClock clock_;
  std::vector<Error> troubles_;
};

}  // namespace ktlsd::agent
