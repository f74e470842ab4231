#include "agent/monitor/settings.h"

#include <fnmatch.h>

#include <algorithm>
#include <cstddef>

namespace ktlsd::agent {
namespace {

// 0: it is not for this handshake.
std::size_t FitOf(const Profile& profile, const Occasion& occasion) {
  constexpr std::size_t kGeneral = 1;
  constexpr std::size_t kOfConsumer = 2;
  constexpr std::size_t kOfPeers = 3;
  if (profile.side != occasion.side ||
      (profile.consumer.has_value() &&
       *profile.consumer != occasion.consumer) ||
      !profile.Serves(occasion.netns)) {
    return 0;
  }
  if (profile.match.empty()) {
    return profile.consumer.has_value() ? kOfConsumer : kGeneral;
  }
  std::size_t fit = 0;
  for (const PeerPattern& pattern : profile.match) {
    if (occasion.peer.has_value() && pattern.Matches(*occasion.peer)) {
      fit = std::max(fit, kOfPeers + pattern.specificity());
    }
  }
  return fit;
}

}  // namespace

bool Profile::Serves(const std::string& netns_name) const {
  if (netns_name.empty()) {
    return netns.empty();
  }
  return std::ranges::any_of(netns, [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), netns_name.c_str(), 0) == 0;
  });
}

const Profile* ChooseProfile(const std::vector<Profile>& profiles,
                             const Occasion& occasion) {
  const Profile* best = nullptr;
  std::size_t best_fit = 0;
  for (const Profile& profile : profiles) {
    const std::size_t fit = FitOf(profile, occasion);
    if (fit > best_fit) {
      best = &profile;
      best_fit = fit;
    }
  }
  return best;
}

}  // namespace ktlsd::agent
