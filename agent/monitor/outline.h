// The groups of a configuration, as far as they can be told without a file of
// theirs.
//
// Scope:     whom each group is for, what it lets handshakes agree on, and what
//            is still to be loaded for it (resources.h does that).
// Layer:     agent/monitor.
// Threads:   one thread.
#pragma once

#include <optional>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/side_config.h"
#include "agent/log/log_event.h"
#include "agent/monitor/settings.h"

namespace ktlsd::agent {

struct Outline {
  std::vector<Profile> profiles;                 // the general ones first
  std::vector<std::optional<SideConfig>> files;  // what each loads, if anything

  // With [authenticate.client] and [authenticate.server], unread.
  static Outline Unread();

  void Add(Profile profile, std::optional<SideConfig> of);
};

// Also reads the system's crypto policy, where `config` wants it; what that has
// and nobody here knows goes to `log`.
Outline ReadOutline(const Config& config, LogSink& log);

}  // namespace ktlsd::agent
