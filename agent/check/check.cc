#include "agent/check/check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "agent/check/file_check.h"
#include "agent/check/keyring_check.h"
#include "agent/check/rehearsal.h"
#include "agent/config/config.h"
#include "agent/sandbox/cell.h"
#include "agent/service/process.h"
#include "base/result.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {
namespace {

const std::vector<std::string> kKernelsOwn = {".nvme", ".nfs", ".nfsd"};

std::vector<std::string> Joined(std::vector<std::string> names,
                                const std::vector<std::string>& more) {
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

// The daemon's, where its environment is this process's.
uid_t KeyOwner() {
  const char* const name = std::getenv("KTLSD_USER");
  const Result<RoleUser> user = FindRoleUser(name == nullptr ? "" : name);
  return user.ok() && *user != RoleUser() ? user->uid : 0;
}

}  // namespace

Report CheckAll(const std::string& config_path,
                const std::optional<Question>& question, const Host& host) {
  Report report;
  if (::geteuid() != 0) {
    report.Warn("user", "not root: the daemon sees more than this");
  }
  CheckKernel(host.kernel, report);
  const std::optional<Config> config = CheckConfigFile(config_path, report);
  if (!config.has_value()) {
    return report;
  }
  const auto rehearsal = Rehearsal::Load(*config, host.key_owner, host.clock);
  if (!rehearsal.ok()) {
    report.Fail(config_path, rehearsal.error().what);
    return report;
  }
  CheckFiles(*config, (*rehearsal)->profiles(), host.clock.Today(), report);
  CheckKeyrings(Joined(kKernelsOwn, config->keyrings),
                host.link(config->keyrings), report);
  std::vector<NamedPsk> psks =
      CheckPsks(host.keyrings, config->psk_hash, report);
  if (question.has_value()) {
    ForeseeAnswer(
        *question,
        {*config, **rehearsal, SuitesOf(host.kernel), std::move(psks)}, report);
  }
  return report;
}

Report CheckThisHost(const std::string& config_path,
                     const std::optional<Question>& question) {
  ktls::KernelSocketOps socket_ops;
  KernelKeyrings keyrings;
  const auto link = [&](const std::vector<std::string>& configured) {
    // Of its own PSKs `keyrings` shall have what the daemon has.
    KernelKeyrings others;
    return Joined(others.Link(kKernelsOwn), keyrings.Link(configured));
  };
  const SystemClock clock;
  const Status forbidden = ForbidInspection();
  const Status prepared = KernelKeyrings::Prepare();
  Report report = CheckAll(
      config_path, question,
      {ReadKernelFacts(socket_ops), KeyOwner(), keyrings, link, clock});
  for (const Status& status : {prepared, forbidden}) {
    if (!status.ok()) {
      report.Warn("this process", status.error().what);
    }
  }
  return report;
}

}  // namespace ktlsd::agent
