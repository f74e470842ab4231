#include "agent/monitor/settings.h"

#include <algorithm>
#include <cstddef>

namespace ktlsd::agent {
namespace {

// 0: it is not for this handshake.
std::size_t FitOf(const Profile& profile, Side side, Consumer consumer,
                  const std::optional<handshake::ServerName>& peer) {
  constexpr std::size_t kGeneral = 1;
  constexpr std::size_t kOfConsumer = 2;
  constexpr std::size_t kOfPeers = 3;
  if (profile.side != side ||
      (profile.consumer.has_value() && *profile.consumer != consumer)) {
    return 0;
  }
  if (profile.match.empty()) {
    return profile.consumer.has_value() ? kOfConsumer : kGeneral;
  }
  std::size_t fit = 0;
  for (const PeerPattern& pattern : profile.match) {
    if (peer.has_value() && pattern.Matches(*peer)) {
      fit = std::max(fit, kOfPeers + pattern.specificity());
    }
  }
  return fit;
}

}  // namespace

const Profile* ChooseProfile(const std::vector<Profile>& profiles, Side side,
                             Consumer consumer,
                             const std::optional<handshake::ServerName>& peer) {
  const Profile* best = nullptr;
  std::size_t best_fit = 0;
  for (const Profile& profile : profiles) {
    const std::size_t fit = FitOf(profile, side, consumer, peer);
    if (fit > best_fit) {
      best = &profile;
      best_fit = fit;
    }
  }
  return best;
}

}  // namespace ktlsd::agent
