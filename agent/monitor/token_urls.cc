#include "agent/monitor/token_urls.h"

#include <set>

#include "agent/keeper/token_url.h"

namespace ktlsd::agent {

std::vector<std::string> TokenUrlsOf(const Config& config) {
  std::set<std::string> urls;
  for (const auto& [name, side] : GroupSides(config)) {
    if (side->private_key.has_value() && IsTokenUrl(*side->private_key) &&
        side->private_key->find('\n') == std::string::npos) {
      urls.insert(*side->private_key);
    }
  }
  return {urls.begin(), urls.end()};
}

}  // namespace ktlsd::agent
