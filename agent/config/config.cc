#include "agent/config/config.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "agent/config/files.h"
#include "agent/config/key_file.h"
#include "agent/config/tls_choices.h"

namespace ktlsd::agent {
namespace {

constexpr char kDebug[] = "debug";
constexpr char kAuthenticate[] = "authenticate";
constexpr char kTls[] = "tls";
constexpr char kClient[] = "authenticate.client";
constexpr char kServer[] = "authenticate.server";

void Read(KeyFile& file, const char* key, int& into) {
  into = file.Number(kDebug, key).value_or(into);
}

HashAlgorithm ReadHash(KeyFile& file, const char* key) {
  const std::string name = file.Text(kAuthenticate, key).value_or("sha256");
  if (name == "sha384") {
    return HashAlgorithm::kSha384;
  }
  if (name != "sha256") {
    file.Complain(kAuthenticate, key, "neither sha256 nor sha384");
  }
  return HashAlgorithm::kSha256;
}

constexpr char kRecheck[] = "sessions.recheck";

bool ReadRecheck(KeyFile& file) {
  const std::string recheck =
      file.Text(kAuthenticate, kRecheck).value_or("false");
  if (recheck != "true" && recheck != "false") {
    file.Complain(kAuthenticate, kRecheck, "neither true nor false");
  }
  return recheck == "true";
}

// [tls] is ours: nothing in it is ignored.
constexpr char kCryptoPolicy[] = "crypto_policy";
constexpr std::array<std::string_view, 4> kKnownOfTls = {
    "ciphers", "groups", "expected.volume", kCryptoPolicy};

// What everything else inherits from.
SideConfig ReadTls(KeyFile& file) {
  for (const std::string& key : file.Keys(kTls)) {
    if (std::ranges::find(kKnownOfTls, key) == kKnownOfTls.end()) {
      file.Complain(kTls, key, "there is no such key");
    } else if (file.Times(kTls, key) > 1) {
      file.Complain(kTls, key, "the key is there twice");
    }
  }
  SideConfig base;
  base.suites = ReadSuites(file, kTls);
  base.groups = ReadGroups(file, kTls);
  base.expected_volume = ReadVolume(file, kTls);
  return base;
}

bool ReadCryptoPolicy(KeyFile& file) {
  const std::string policy = file.Text(kTls, kCryptoPolicy).value_or("none");
  if (policy != "none" && policy != "system") {
    file.Complain(kTls, kCryptoPolicy, "neither none nor system");
  }
  return policy == "system";
}

constexpr std::array kKnown = {
    std::pair{kDebug, "loglevel"},
    std::pair{kDebug, "tls"},
    std::pair{kDebug, "nl"},
    std::pair{kAuthenticate, "keyrings"},
    std::pair{kAuthenticate, "psk.hash"},
    std::pair{kAuthenticate, kRecheck},
};
bool IsKnown(std::string_view group, std::string_view key) {
  if (group == kClient || group == kServer) {
    return IsSideKey(key);
  }
  if (group == kTls || IsSectionGroup(group) || IsNetnsGroup(group)) {
    return true;  // or it was refused
  }
  return std::ranges::any_of(kKnown, [&](const auto& known) {
    return group == known.first && key == known.second;
  });
}

// Misspelt, or in a misspelt group, these would let in whom the administrator
// meant to keep out: everybody, those that were revoked, all whom any public CA
// knows.
bool MustBeKnown(std::string_view key) {
  return key.starts_with("x509.") || key.starts_with("allow.");
}

// As tlshd does, other keys without a meaning are not refused; of a key that is
// there twice the last one counts.
std::vector<std::string> Ignored(KeyFile& file) {
  std::vector<std::string> ignored;
  for (const std::string& group : file.Groups()) {
    for (const std::string& key : file.Keys(group)) {
      if (IsKnown(group, key)) {
        continue;
      }
      if (MustBeKnown(key)) {
        file.Complain(group, key, "there is no such key");
      } else {
        ignored.push_back(file.Place(group, key));
      }
    }
  }
  return ignored;
}

}  // namespace

std::vector<GroupSide> GroupSides(const Config& config) {
  std::vector<GroupSide> sides = {{kClient, &config.client},
                                  {kServer, &config.server}};
  for (const Section& section : config.sections) {
    sides.push_back({section.name, &section.config});
  }
  for (const NetnsConfig& netns : config.netns) {
    if (netns.client.has_value()) {
      sides.push_back({netns.name + ".client", &*netns.client});
    }
    if (netns.server.has_value()) {
      sides.push_back({netns.name + ".server", &*netns.server});
    }
  }
  return sides;
}

std::variant<Config, Problem> ParseConfig(std::string_view text) {
  std::variant<KeyFile, Problem> parsed = KeyFile::Parse(text);
  if (Problem* problem = std::get_if<Problem>(&parsed)) {
    return std::move(*problem);
  }
  KeyFile& file = std::get<KeyFile>(parsed);
  Config config;
  Read(file, "loglevel", config.log_level);
  Read(file, "tls", config.tls_level);
  Read(file, "nl", config.netlink_level);
  config.keyrings =
      file.List(kAuthenticate, "keyrings").value_or(std::vector<std::string>());
  config.psk_hash = ReadHash(file, "psk.hash");
  config.recheck_sessions = ReadRecheck(file);
  const SideConfig base = ReadTls(file);
  config.system_crypto_policy = ReadCryptoPolicy(file);
  config.client = Inherit(ReadSide(file, kClient, Part::kClient), base);
  config.server = Inherit(ReadSide(file, kServer, Part::kServer), base);
  config.sections = ReadSections(file, config.client, config.server);
  config.netns = ReadNetns(file, base, config.keyrings);
  config.ignored = Ignored(file);
  if (const std::optional<Problem>& problem = file.problem()) {
    return *problem;
  }
  return config;
}

std::variant<Config, Problem> LoadConfig(const std::string& path) {
  std::variant<std::string, Problem> text =
      ReadText(path, Code::kConfigUnusable);
  if (Problem* problem = std::get_if<Problem>(&text)) {
    return std::move(*problem);
  }
  std::variant<Config, Problem> config =
      ParseConfig(std::get<std::string>(text));
  if (Problem* problem = std::get_if<Problem>(&config)) {
    problem->file = path;
  }
  return config;
}

std::string DefaultConfigPath() {
  constexpr char kOldPlace[] = "/etc/tlshd.conf";
  return ::access(kOldPlace, F_OK) == 0 ? kOldPlace : "/etc/tlshd/config";
}

}  // namespace ktlsd::agent
