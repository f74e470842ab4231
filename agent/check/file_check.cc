#include "agent/check/file_check.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <variant>
#include <vector>

#include "agent/check/own_certificate.h"
#include "agent/check/trust_check.h"
#include "agent/config/files.h"
#include "agent/ipc/wire_types.h"
#include "agent/monitor/settings.h"

namespace ktlsd::agent {
namespace {

// What the daemon does not refuse, but nobody should have.
void CheckPermissions(const std::string& path, Report& report) {
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) {
    return;  // said already
  }
  if ((facts.st_mode & S_IWOTH) != 0) {
    report.Warn(path, "everybody may write to it");
  }
  if (facts.st_uid != 0 && facts.st_uid != ::geteuid()) {
    report.Warn(path, fmt::format("belongs to the user {}, who may change it",
                                  facts.st_uid));
  }
}

// Nothing where the side has none, or none that can be loaded.
std::optional<TrustFiles> TrustFilesOf(const SideConfig& config,
                                       const SideSettings& settings) {
  const auto store =
      config.truststore.has_value() ? config.truststore : SystemTrustStore();
  if (!store.has_value() || !std::holds_alternative<Loaded>(settings.trust)) {
    return std::nullopt;
  }
  return TrustFiles{*store, !config.truststore.has_value(), config.crl};
}

void CheckCredential(Side side, const SideConfig& config,
                     const SideSettings& settings,
                     const std::optional<TrustFiles>& trust, CalendarTime now,
                     Report& report) {
  if (std::holds_alternative<Loaded>(settings.credential)) {
    return CheckOwnCertificate(side, {*config.certificate, *config.private_key},
                               trust, now, report);
  }
  if (std::holds_alternative<Absent>(settings.credential)) {
    report.Ok(SideName(side), side == Side::kClient
                                  ? "no certificate: mounts with mtls fail"
                                  : "no certificate: nfsd cannot use TLS");
  }
}

void CheckSide(Side side, const SideConfig& config,
               const SideSettings& settings, CalendarTime now, Report& report) {
  for (const Slot* slot : {&settings.trust, &settings.credential}) {
    if (const Problem* problem = std::get_if<Problem>(slot)) {
      report.Fail(SideName(side), *problem);
    }
  }
  const std::optional<TrustFiles> trust = TrustFilesOf(config, settings);
  if (trust.has_value()) {
    CheckTrust(SideName(side), *trust, now, report);
  }
  CheckCredential(side, config, settings, trust, now, report);
}

}  // namespace

std::optional<Config> CheckConfigFile(const std::string& path, Report& report) {
  std::variant<Config, Problem> loaded = LoadConfig(path);
  if (const Problem* problem = std::get_if<Problem>(&loaded)) {
    report.Fail(path, *problem);
    return std::nullopt;
  }
  report.Ok(path, "the configuration");
  CheckPermissions(path, report);
  Config& config = std::get<Config>(loaded);
  for (const std::string& key : config.ignored) {
    report.Warn(path, key + " has no meaning here, ignoring");
  }
  return std::move(config);
}

void CheckFiles(const Config& config, const Rehearsal& rehearsal,
                CalendarTime now, Report& report) {
  CheckSide(Side::kClient, config.client, rehearsal.side(Side::kClient), now,
            report);
  CheckSide(Side::kServer, config.server, rehearsal.side(Side::kServer), now,
            report);
  const std::vector<std::string> files = Resources::FilesOf(config);
  for (const std::string& path :
       std::set<std::string>(files.begin(), files.end())) {
    CheckPermissions(path, report);
  }
}

}  // namespace ktlsd::agent
