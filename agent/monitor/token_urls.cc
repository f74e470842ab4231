#include "agent/monitor/token_urls.h"

#include <set>

#include "agent/keeper/token_url.h"

namespace ktlsd::agent {

std::vector<std::string> TokenUrlsOf(const Config& config) {
  std::set<std::string> urls;
  for (const auto& [name, side] : GroupSides(config)) {
    for (const auto& key : {side->private_key, side->pq_private_key}) {
      if (key.has_value() && IsTokenUrl(*key) &&
          key->find('\n') == std::string::npos) {
        urls.insert(*key);
      }
    }
  }
  return {urls.begin(), urls.end()};
}

}  // namespace ktlsd::agent
