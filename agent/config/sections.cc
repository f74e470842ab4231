#include "agent/config/sections.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

namespace ktlsd::agent {
namespace {

constexpr std::string_view kOfConsumer = "consumer.";
constexpr std::string_view kOfPeers = "peer.";
constexpr char kConsumerKey[] = "consumer";
constexpr char kMatchKey[] = "match";

constexpr std::array kConsumers = {Consumer::kNfsClient, Consumer::kNfsd,
                                   Consumer::kNvmeHost, Consumer::kNvmeTarget};
constexpr std::string_view kNoConsumer =
    "none of nfs-client, nfsd, nvme-host and nvme-target";

std::optional<Consumer> ConsumerOf(std::string_view name) {
  const auto* const found = std::ranges::find(kConsumers, name, ConsumerName);
  return found == kConsumers.end() ? std::nullopt : std::optional(*found);
}

bool IsOfPeers(std::string_view group) { return group.starts_with(kOfPeers); }

void CheckKeys(KeyFile& file, const std::string& group) {
  if (file.Times(group) > 1) {
    file.Complain(group, "the group is there twice");
  }
  for (const std::string& key : file.Keys(group)) {
    const bool known =
        IsSideKey(key) ||
        (IsOfPeers(group) && (key == kConsumerKey || key == kMatchKey));
    if (!known) {
      file.Complain(group, key, "there is no such key");
    } else if (file.Times(group, key) > 1) {
      file.Complain(group, key, "the key is there twice");
    }
  }
}

std::vector<PeerPattern> ReadMatch(KeyFile& file, const std::string& group,
                                   Consumer consumer) {
  std::vector<PeerPattern> match;
  const auto texts =
      file.List(group, kMatchKey).value_or(std::vector<std::string>());
  if (texts.empty()) {
    file.Complain(group, "match is missing: names or addresses of peers");
  }
  if (texts.size() > kMaxPatterns) {
    file.Complain(group, kMatchKey, "too many patterns");
    return {};
  }
  for (const std::string& text : texts) {
    const std::optional<PeerPattern> pattern = PeerPattern::Parse(text);
    if (!pattern.has_value()) {
      file.Complain(group, kMatchKey,
                    text + " is neither a name nor an address nor a network");
    } else if (!pattern->is_network() && consumer != Consumer::kNfsClient) {
      file.Complain(group, kMatchKey,
                    text + " is a name, and of its peers " +
                        std::string(ConsumerName(consumer)) +
                        " knows addresses only");
    } else {
      match.push_back(*pattern);
    }
  }
  return match;
}

SideConfig ReadOwn(KeyFile& file, const std::string& group, Consumer consumer) {
  SideConfig own =
      ReadSide(file, group, IsClient(consumer) ? Part::kClient : Part::kServer);
  CheckPairs(file, group, own);
  if (UsesPsks(consumer)) {
    for (const std::string& key : file.Keys(group)) {
      if (IsSideKey(key) && key != "ciphers" && key != "groups" &&
          key != "expected.volume") {
        file.Complain(group, key,
                      "NVMe/TCP has pre-shared keys only, and no ALPN");
      }
    }
  }
  return own;
}

// Whose handshakes `group` is about.
std::optional<Consumer> ReadConsumer(KeyFile& file, const std::string& group) {
  if (group.starts_with(kOfConsumer)) {
    const auto consumer =
        ConsumerOf(std::string_view(group).substr(kOfConsumer.size()));
    if (!consumer.has_value()) {
      file.Complain(group, kNoConsumer);
    }
    return consumer;
  }
  if (!IsOfPeers(group) || group == kOfPeers) {
    file.Complain(group, "neither [consumer.NAME] nor [peer.NAME]");
    return std::nullopt;
  }
  const std::optional<std::string> name = file.Text(group, kConsumerKey);
  const std::optional<Consumer> consumer = ConsumerOf(name.value_or(""));
  if (!name.has_value()) {
    file.Complain(group, "consumer is missing");
  } else if (!consumer.has_value()) {
    file.Complain(group, kConsumerKey, kNoConsumer);
  }
  return consumer;
}

std::optional<Section> ReadSection(KeyFile& file, const std::string& group) {
  const std::optional<Consumer> consumer = ReadConsumer(file, group);
  if (!consumer.has_value()) {
    return std::nullopt;
  }
  CheckKeys(file, group);
  Section section;
  section.name = group;
  section.consumer = *consumer;
  if (IsOfPeers(group)) {
    section.match = ReadMatch(file, group, *consumer);
  }
  section.config = ReadOwn(file, group, *consumer);
  return section;
}

// Two patterns that match one peer are equal, or one of them is the more
// specific: only equal ones leave it open which section serves.
void CheckAmbiguity(KeyFile& file, const std::vector<Section>& sections) {
  std::map<std::pair<Consumer, std::string>, std::string> owners;
  for (const Section& section : sections) {
    for (const PeerPattern& pattern : section.match) {
      const auto [owner, made] = owners.try_emplace(
          std::pair(section.consumer, pattern.text()), section.name);
      if (!made) {
        file.Complain(section.name, kMatchKey,
                      pattern.text() + " is in [" + owner->second + "] too");
      }
    }
  }
}

void LetInherit(std::vector<Section>& sections, const SideConfig& client,
                const SideConfig& server) {
  std::map<Consumer, SideConfig> bases;
  for (const Consumer consumer : kConsumers) {
    bases[consumer] = IsClient(consumer) ? client : server;
  }
  for (const bool of_peers : {false, true}) {
    for (Section& section : sections) {
      if (IsOfPeers(section.name) == of_peers) {
        SideConfig& base = bases[section.consumer];
        section.config = Inherit(std::move(section.config), base);
        if (!of_peers) {
          base = section.config;
        }
      }
    }
  }
}

}  // namespace

bool IsClient(Consumer consumer) {
  return consumer == Consumer::kNfsClient || consumer == Consumer::kNvmeHost;
}

bool UsesPsks(Consumer consumer) {
  return consumer == Consumer::kNvmeHost || consumer == Consumer::kNvmeTarget;
}

bool IsSectionGroup(std::string_view group) {
  return group.starts_with("consumer") || group.starts_with("peer");
}

std::vector<Section> ReadSections(KeyFile& file, const SideConfig& client,
                                  const SideConfig& server) {
  std::vector<Section> sections;
  for (const std::string& group : file.Groups()) {
    if (!IsSectionGroup(group)) {
      continue;
    }
    if (sections.size() == kMaxSections) {
      file.Complain(group, "too many groups of this kind");
      return {};
    }
    if (std::optional<Section> section = ReadSection(file, group)) {
      sections.push_back(*std::move(section));
    }
  }
  CheckAmbiguity(file, sections);
  LetInherit(sections, client, server);
  return sections;
}

}  // namespace ktlsd::agent
