#include "agent/check/check.h"

#include <unistd.h>

#include <utility>

#include "agent/check/file_check.h"
#include "agent/check/keyring_check.h"
#include "agent/check/rehearsal.h"
#include "agent/config/config.h"
#include "base/result.h"

namespace ktlsd::agent {
namespace {

std::vector<std::string> WantedKeyrings(const Config& config) {
  std::vector<std::string> names = KernelsOwnKeyrings();
  names.insert(names.end(), config.keyrings.begin(), config.keyrings.end());
  return names;
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
  const auto rehearsal =
      Rehearsal::Load(*config, host.key_owner, host.clock, host.tags_directory);
  if (!rehearsal.ok()) {
    report.Fail(config_path, rehearsal.error().what);
    return report;
  }
  CheckFiles(*config, **rehearsal, host.clock.Today(), report);
  CheckKeyrings(WantedKeyrings(*config), host.link(config->keyrings), report);
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
  ThisHost here;
  Report report = CheckAll(config_path, question, here.host());
  for (const Error& trouble : here.troubles()) {
    report.Warn("this process", trouble.what);
  }
  return report;
}

}  // namespace ktlsd::agent
