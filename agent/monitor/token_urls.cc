#include "agent/monitor/token_urls.h"

#include <set>

#include "agent/keeper/token_url.h"

namespace ktlsd::agent {

std::vector<std::string> TokenUrlsOf(const Config& config) {
  std::set<std::string> urls;
  const auto add = [&](const SideConfig& side) {
    if (side.private_key.has_value() && IsTokenUrl(*side.private_key) &&
        side.private_key->find('\n') == std::string::npos) {
      urls.insert(*side.private_key);
    }
  };
  add(config.client);
  add(config.server);
  for (const Section& section : config.sections) {
    add(section.config);
  }
  return {urls.begin(), urls.end()};
}

}  // namespace ktlsd::agent
