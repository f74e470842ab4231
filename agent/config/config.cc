#include "agent/config/config.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "agent/config/files.h"
#include "agent/config/key_file.h"

namespace ktlsd::agent {
namespace {

constexpr char kDebug[] = "debug";
constexpr char kAuthenticate[] = "authenticate";
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

constexpr std::array kKnown = {
    std::pair{kDebug, "loglevel"},
    std::pair{kDebug, "tls"},
    std::pair{kDebug, "nl"},
    std::pair{kAuthenticate, "keyrings"},
    std::pair{kAuthenticate, "psk.hash"},
};
bool IsKnown(std::string_view group, std::string_view key) {
  if (group == kClient || group == kServer) {
    return IsSideKey(key);
  }
  if (IsSectionGroup(group)) {
    return true;  // or it was refused
  }
  return std::ranges::any_of(kKnown, [&](const auto& known) {
    return group == known.first && key == known.second;
  });
}

// As tlshd does, keys without a meaning are not refused; of a key that is there
// twice the last one counts. But a misspelt list of who may come would let
// everybody in.
std::vector<std::string> Ignored(KeyFile& file) {
  std::vector<std::string> ignored;
  for (const std::string& group : file.Groups()) {
    for (const std::string& key : file.Keys(group)) {
      if (!IsKnown(group, key) && key.starts_with("allow.")) {
        file.Complain(group, key, "there is no such key");
      } else if (!IsKnown(group, key)) {
        ignored.push_back(file.Place(group, key));
      }
    }
  }
  return ignored;
}

}  // namespace

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
  config.client = ReadSide(file, kClient, Part::kClient);
  config.server = ReadSide(file, kServer, Part::kServer);
  config.sections = ReadSections(file, config.client, config.server);
  config.ignored = Ignored(file);
  if (file.problem().has_value()) {
    return *file.problem();
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
