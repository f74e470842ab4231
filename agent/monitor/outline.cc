#include "agent/monitor/outline.h"

#include <string>
#include <utility>
#include <variant>

#include "agent/config/crypto_policy.h"
#include "agent/monitor/choices.h"

namespace ktlsd::agent {
namespace {

using Policy = std::variant<CryptoPolicy, Problem>;

constexpr char kClientGroup[] = "authenticate.client";
constexpr char kServerGroup[] = "authenticate.server";

Policy ReadPolicy(const Config& config, LogSink& log) {
  if (!config.system_crypto_policy) {
    return CryptoPolicy();
  }
  const std::string path = CryptoPolicyPath();
  Policy policy = LoadCryptoPolicy(path);
  if (const CryptoPolicy* read = std::get_if<CryptoPolicy>(&policy)) {
    for (const std::string& name : read->ignored) {
      LogEvent event{EventKind::kConfigProblem, LogLevel::kNotice, {}};
      log.Write(event.Add("file", path)
                    .Add("key", name)
                    .Add("reason",
                         "no part of the crypto policy has it here, ignoring"));
    }
  }
  return policy;
}

void WarnOfVolume(const SideConfig& config, const Profile& profile,
                  LogSink& log) {
  const auto trouble =
      VolumeTrouble(config.expected_volume, profile.settings.suites);
  if (!trouble.has_value()) {
    return;
  }
  LogEvent event{EventKind::kConfigProblem, LogLevel::kWarning, {}};
  log.Write(event.Add("settings", profile.name)
                .Add("key", "expected.volume")
                .Add("reason", *trouble)
                .Add("consequence",
                     "make connections anew before, or leave only "
                     "TLS_CHACHA20_POLY1305_SHA256 in ciphers"));
}

void Choose(const SideConfig& config, const Policy& policy, Profile& profile,
            LogSink& log) {
  profile.standing = Standing::kRead;
  SideSettings& settings = profile.settings;
  settings.require_alpn = config.alpn_required.value_or(false);
  settings.peer_key = config.peer_key;
  if (const Problem* problem = std::get_if<Problem>(&policy)) {
    settings.problem = *problem;
    return;
  }
  Choices choices = MakeChoices(config, std::get<CryptoPolicy>(policy));
  settings.suites = std::move(choices.suites);
  settings.groups = std::move(choices.groups);
  settings.problem = std::move(choices.problem);
  WarnOfVolume(config, profile, log);
  for (const std::string& group : choices.lacking) {
    LogEvent event{EventKind::kConfigProblem, LogLevel::kNotice, {}};
    log.Write(event.Add("settings", profile.name)
                  .Add("key", group)
                  .Add("reason", "this libcrypto has no such group, ignoring"));
  }
}

Profile MakeProfile(const NetnsConfig& netns, Side side, const Policy& policy,
                    LogSink& log) {
  const auto& config = side == Side::kClient ? netns.client : netns.server;
  Profile profile;
  profile.name = netns.name + (side == Side::kClient ? ".client" : ".server");
  profile.side = side;
  profile.netns = netns.match;
  profile.netns_group = netns.name;
  profile.request_keys = netns.request_keys;
  profile.keyrings = netns.keyrings;
  profile.standing = Standing::kNone;
  if (config.has_value()) {
    Choose(*config, policy, profile, log);
  }
  return profile;
}

std::vector<Profile> GeneralProfiles() {
  return {{kClientGroup, Side::kClient, std::nullopt, {}, {}},
          {kServerGroup, Side::kServer, std::nullopt, {}, {}}};
}

}  // namespace

Outline Outline::Unread() {
  Outline outline{GeneralProfiles(), {}};
  outline.files.resize(outline.profiles.size());
  return outline;
}

void Outline::Add(Profile profile, std::optional<SideConfig> of) {
  if (!of.has_value()) {
    profile.settings.trust = Absent();
    profile.settings.credential = Absent();
    profile.settings.pq_credential = Absent();
  }
  profiles.push_back(std::move(profile));
  files.push_back(std::move(of));
}

Outline ReadOutline(const Config& config, LogSink& log) {
  const Policy policy = ReadPolicy(config, log);
  Outline outline;
  std::vector<Profile> general = GeneralProfiles();
  for (Profile& profile : general) {
    const bool client = profile.side == Side::kClient;
    const SideConfig& side = client ? config.client : config.server;
    Choose(side, policy, profile, log);
    outline.Add(std::move(profile), side);
  }
  for (const Section& section : config.sections) {
    const bool client = IsClient(section.consumer);
    Profile profile{section.name,
                    client ? Side::kClient : Side::kServer,
                    section.consumer,
                    section.match,
                    {}};
    Choose(section.config, policy, profile, log);
    outline.Add(std::move(profile), UsesPsks(section.consumer)
                                        ? std::nullopt
                                        : std::optional(section.config));
  }
  for (const NetnsConfig& netns : config.netns) {
    for (const Side side : {Side::kClient, Side::kServer}) {
      outline.Add(MakeProfile(netns, side, policy, log),
                  side == Side::kClient ? netns.client : netns.server);
    }
  }
  return outline;
}

}  // namespace ktlsd::agent
