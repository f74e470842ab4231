#include "agent/check/host.h"

#include <cstdlib>

#include "agent/sandbox/cell.h"
#include "agent/service/process.h"

namespace ktlsd::agent {
namespace {

// The daemon's, where its environment is this process's.
uid_t KeyOwner() {
  const char* const name = std::getenv("KTLSD_USER");
  const Result<RoleUser> user = FindRoleUser(name == nullptr ? "" : name);
  return user.ok() && *user != RoleUser() ? user->uid : 0;
}

}  // namespace

const std::vector<std::string>& KernelsOwnKeyrings() {
  static const std::vector<std::string> names = {".nvme", ".nfs", ".nfsd"};
  return names;
}

ThisHost::ThisHost() {
  for (const Status& status : {ForbidInspection(), KernelKeyrings::Prepare()}) {
    if (!status.ok()) {
      troubles_.push_back(status.error());
    }
  }
}

Host ThisHost::host() {
  return {ReadKernelFacts(socket_ops_),
          KeyOwner(),
          keyrings_,
          [this](const std::vector<std::string>& configured) {
            return Link(configured);
          },
          clock_,
          kTagsDirectory};
}

std::vector<std::string> ThisHost::Link(
    const std::vector<std::string>& configured) {
  // Of its own PSKs `keyrings_` shall have what the daemon has.
  KernelKeyrings others;
  std::vector<std::string> missing = others.Link(KernelsOwnKeyrings());
  for (std::string& name : keyrings_.Link(configured)) {
    missing.push_back(std::move(name));
  }
  return missing;
}

}  // namespace ktlsd::agent
