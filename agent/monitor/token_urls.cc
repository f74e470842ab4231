#include "agent/monitor/token_urls.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "agent/keeper/token_url.h"

namespace ktlsd::agent {
namespace {

void Take(const std::optional<std::string>& key, std::set<std::string>& urls) {
  if (key.has_value() && IsTokenUrl(*key) &&
      key->find('\n') == std::string::npos) {
    urls.insert(*key);
  }
}

std::set<std::string> UrlsOf(std::span<const std::optional<SideConfig>> sides) {
  std::set<std::string> urls;
  for (const std::optional<SideConfig>& side : sides) {
    if (side.has_value()) {
      Take(side->private_key, urls);
      Take(side->pq_private_key, urls);
    }
  }
  return urls;
}

}  // namespace

std::vector<std::string> TokenUrlsOf(
    std::span<const std::optional<SideConfig>> wanted,
    std::span<const std::optional<SideConfig>> serving) {
  const std::set<std::string> first = UrlsOf(wanted);
  std::vector<std::string> urls(first.begin(), first.end());
  std::ranges::set_difference(UrlsOf(serving), first, std::back_inserter(urls));
  return urls;
}

}  // namespace ktlsd::agent
