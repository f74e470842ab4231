#include "agent/config/netns_config.h"

#include <algorithm>
#include <array>
#include <utility>

namespace ktlsd::agent {
namespace {

constexpr std::string_view kPrefix = "netns.";
constexpr std::string_view kOfClient = ".client";
constexpr std::string_view kOfServer = ".server";
constexpr char kMatchKey[] = "match";
constexpr char kRequestKeys[] = "request_keys";
constexpr char kKeyrings[] = "keyrings";
constexpr std::array<std::string_view, 3> kKeys = {kMatchKey, kRequestKeys,
                                                   kKeyrings};
// The kernel's, and ours, for the host.
constexpr std::array<std::string_view, 4> kHosts = {".nvme", ".nfs", ".nfsd",
                                                    "ktlsd-peers"};

bool IsSide(std::string_view group) {
  return group.ends_with(kOfClient) || group.ends_with(kOfServer);
}

// A key that is there twice has one value too many.
void CheckKeys(KeyFile& file, const std::string& group) {
  if (file.Times(group) > 1) {
    file.Complain(group, "the group is there twice");
  }
  for (const std::string& key : file.Keys(group)) {
    if (IsSide(group) ? !IsSideKey(key) : std::ranges::count(kKeys, key) == 0) {
      file.Complain(group, key, "there is no such key");
    } else if (file.Times(group, key) > 1) {
      file.Complain(group, key, "the key is there twice");
    }
  }
}

std::vector<std::string> ReadMatch(KeyFile& file, const std::string& group) {
  auto match = file.List(group, kMatchKey).value_or(std::vector<std::string>());
  if (match.empty()) {
    file.Complain(group, "match is missing: names of network namespaces");
  } else if (match.size() > kMaxNetnsPatterns) {
    file.Complain(group, kMatchKey, "too many patterns");
  }
  for (const std::string& pattern : match) {
    if (pattern.empty() || pattern.find('/') != std::string::npos) {
      file.Complain(group, kMatchKey,
                    "'" + pattern + "' is no name of a network namespace");
    }
  }
  return match;
}

bool ReadRequestKeys(KeyFile& file, const std::string& group) {
  const std::string flag = file.Text(group, kRequestKeys).value_or("false");
  if (flag != "true" && flag != "false") {
    file.Complain(group, kRequestKeys, "neither true nor false");
  }
  return flag == "true";
}

std::vector<std::string> ReadKeyrings(KeyFile& file, const std::string& group,
                                      const std::vector<std::string>& hosts) {
  auto keyrings =
      file.List(group, kKeyrings).value_or(std::vector<std::string>());
  if (keyrings.size() > kMaxNetnsKeyrings) {
    file.Complain(group, kKeyrings, "too many keyrings");
  }
  for (const std::string& name : keyrings) {
    if (name.empty()) {
      file.Complain(group, kKeyrings, "an empty name");
    } else if (std::ranges::count(kHosts, name) != 0 ||
               std::ranges::count(hosts, name) != 0) {
      file.Complain(group, kKeyrings, "'" + name + "' is the host's");
    }
  }
  return keyrings;
}

std::optional<SideConfig> ReadOwnSide(KeyFile& file, const std::string& group,
                                      Part part) {
  if (file.Times(group) == 0) {
    return std::nullopt;
  }
  CheckKeys(file, group);
  SideConfig side = ReadSide(file, group, part);
  if (!side.truststore.has_value()) {
    file.Complain(group,
                  "x509.truststore is missing: the system's is the "
                  "host's, not the namespace's");
  }
  CheckPairs(file, group, side);
  return side;
}

NetnsConfig ReadOne(KeyFile& file, const std::string& group,
                    const SideConfig& tls,
                    const std::vector<std::string>& hosts) {
  CheckKeys(file, group);
  NetnsConfig config;
  config.name = group;
  config.match = ReadMatch(file, group);
  config.request_keys = ReadRequestKeys(file, group);
  config.keyrings = ReadKeyrings(file, group, hosts);
  config.client =
      ReadOwnSide(file, group + std::string(kOfClient), Part::kClient);
  config.server =
      ReadOwnSide(file, group + std::string(kOfServer), Part::kServer);
  for (std::optional<SideConfig>* side : {&config.client, &config.server}) {
    if (side->has_value()) {
      **side = Inherit(std::move(**side), tls);
    }
  }
  if (!config.client.has_value() && !config.server.has_value()) {
    file.Complain(group, "neither [" + group + ".client] nor [" + group +
                             ".server] is there: it could serve nobody");
  }
  return config;
}

// A side whose namespace's group is missing or misspelt.
void CheckOwner(KeyFile& file, const std::string& side) {
  const std::string owner = side.substr(0, side.rfind('.'));
  if (owner.size() <= kPrefix.size() || file.Times(owner) == 0) {
    file.Complain(side, "there is no group [" + owner + "]");
  }
}

}  // namespace

bool IsNetnsGroup(std::string_view group) { return group.starts_with("netns"); }

std::vector<NetnsConfig> ReadNetns(KeyFile& file, const SideConfig& tls,
                                   const std::vector<std::string>& hosts) {
  std::vector<NetnsConfig> found;
  for (const std::string& group : file.Groups()) {
    if (!IsNetnsGroup(group)) {
      continue;
    }
    if (IsSide(group)) {
      CheckOwner(file, group);
    } else if (!group.starts_with(kPrefix) || group == kPrefix) {
      file.Complain(group, "not of the form [netns.NAME]");
    } else if (found.size() == kMaxNetnsGroups) {
      file.Complain(group, "too many groups of this kind");
      return {};
    } else {
      found.push_back(ReadOne(file, group, tls, hosts));
    }
  }
  return found;
}

}  // namespace ktlsd::agent
