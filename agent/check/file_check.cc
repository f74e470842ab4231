#include "agent/check/file_check.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <variant>
#include <vector>

#include "agent/check/own_certificate.h"
#include "agent/check/trust_check.h"
#include "agent/check/trust_files.h"
#include "agent/config/files.h"
#include "agent/config/sections.h"
#include "agent/ipc/wire_types.h"
#include "agent/monitor/choices.h"
#include "agent/monitor/resources.h"

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

void CheckCredential(const Profile& profile, const SideConfig& config,
                     const TokenKeys& tokens,
                     const std::optional<TrustFiles>& trust, CalendarTime now,
                     Report& report) {
  const Slot& credential = profile.settings.credential;
  if (std::holds_alternative<Loaded>(profile.settings.pq_credential)) {
    CheckOwnCertificate(
        profile.side, profile.name,
        {config.pq_certificate.value_or(""), config.pq_private_key.value_or(""),
         /*post_quantum=*/true},
        tokens, trust, now, report);
  }
  if (std::holds_alternative<Loaded>(credential)) {
    return CheckOwnCertificate(
        profile.side, profile.name,
        {config.certificate.value_or(""), config.private_key.value_or("")},
        tokens, trust, now, report);
  }
  if (std::holds_alternative<Absent>(credential) &&
      std::holds_alternative<Absent>(profile.settings.pq_credential)) {
    report.Ok(profile.name, profile.side == Side::kClient
                                ? "no certificate: mounts with mtls fail"
                                : "no certificate: nfsd cannot use TLS");
  }
}

void CheckProfile(const Profile& profile, const SideConfig& config,
                  const TokenKeys& tokens, CalendarTime now, Report& report) {
  const SideSettings& settings = profile.settings;
  for (const Slot* slot :
       {&settings.trust, &settings.credential, &settings.pq_credential}) {
    if (const Problem* problem = std::get_if<Problem>(slot)) {
      report.Fail(profile.name, *problem);
    }
  }
  if (settings.problem.has_value()) {
    report.Fail(profile.name, *settings.problem);
  }
  if (const auto trouble =
          VolumeTrouble(config.expected_volume, settings.suites)) {
    report.Warn(profile.name, "expected.volume: " + *trouble);
  }
  const std::optional<TrustFiles> trust = TrustFilesOf(config, settings);
  if (trust.has_value()) {
    CheckTrust(profile.name, *trust, now, report);
  }
  CheckCredential(profile, config, tokens, trust, now, report);
}

// The daemon starts without them, and says so in its log only.
void CheckTags(const Rehearsal& rehearsal, Report& report) {
  const std::optional<Problem>& problem = rehearsal.tags_problem();
  if (problem.has_value()) {
    report.Fail(problem->file, problem->reason + "; no session is tagged");
  } else if (!rehearsal.tag_files().empty()) {
    report.Ok("session tags",
              std::to_string(rehearsal.tag_files().size()) +
                  (rehearsal.tag_files().size() == 1 ? " file" : " files"));
  }
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

std::optional<TrustFiles> TrustFilesOf(const SideConfig& config,
                                       const SideSettings& settings) {
  const auto store =
      config.truststore.has_value() ? config.truststore : SystemTrustStore();
  if (!store.has_value() || !std::holds_alternative<Loaded>(settings.trust)) {
    return std::nullopt;
  }
  return TrustFiles{*store, !config.truststore.has_value(), config.crl,
                    config.rpc_certificates.value_or(false)
                        ? handshake::CertificateProfile::kRpcWithTls
                        : handshake::CertificateProfile::kTls};
}

const SideConfig& FilesOf(const Profile& profile, const Config& config) {
  for (const auto& [name, side] : GroupSides(config)) {
    if (name == profile.name) {
      return *side;
    }
  }
  return profile.side == Side::kClient ? config.client : config.server;
}

void CheckFiles(const Config& config, const Rehearsal& rehearsal,
                CalendarTime now, Report& report) {
  for (const Profile& profile : rehearsal.profiles()) {
    CheckProfile(profile, FilesOf(profile, config), rehearsal.tokens(), now,
                 report);
  }
  const std::vector<std::string> files = rehearsal.FilesOf(config);
  for (const std::string& path :
       std::set<std::string>(files.begin(), files.end())) {
    CheckPermissions(path, report);
  }
  CheckTags(rehearsal, report);
}

}  // namespace ktlsd::agent
