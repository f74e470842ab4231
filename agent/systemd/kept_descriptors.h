// Descriptors that the service manager kept over a restart and hands over.
//
// Scope:     the protocol of sd_listen_fds_with_names(3). They are
// close-on-exec
//            from here on: no role gets one.
// Layer:     agent/systemd.
// Threads:   one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/owned_fd.h"

namespace ktlsd::agent {

class KeptDescriptors {
 public:
  struct Kept {
    std::string name;  // empty if the manager gave none
    OwnedFd descriptor;
  };

  KeptDescriptors() = default;  // none
  explicit KeptDescriptors(std::vector<Kept> kept) : kept_(std::move(kept)) {}
  // By $LISTEN_PID, $LISTEN_FDS and $LISTEN_FDNAMES, which are removed. To be
  // called before this process opens anything that it keeps: whatever has one
  // of the numbers is taken for handed over. None if they are for another
  // process.
  static KeptDescriptors FromEnvironment();

  // The first that is called `name`; not valid if there is none.
  OwnedFd Take(std::string_view name);
  // Of those that nobody has taken; they are closed with this.
  std::vector<std::string> Names() const;

 private:
  std::vector<Kept> kept_;
};

}  // namespace ktlsd::agent
