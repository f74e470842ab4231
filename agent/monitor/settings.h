// What serves each side of a handshake: which trust, which credential.
//
// Scope:     values; made by resources.h, used by plan.h.
// Layer:     agent/monitor.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "agent/config/config.h"

namespace ktlsd::agent {

struct Absent {};  // none is configured
struct Loading {   // jobs that need it wait
  uint64_t id = 0;
  std::string file;
};
struct Loaded {
  uint64_t id = 0;
};
using Slot = std::variant<Absent, Loading, Loaded, Problem>;

struct SideSettings {
  Slot trust = Loading();
  Slot credential = Loading();

  bool settled() const {
    return !std::holds_alternative<Loading>(trust) &&
           !std::holds_alternative<Loading>(credential);
  }
  bool sound() const {
    return settled() && !std::holds_alternative<Problem>(trust) &&
           !std::holds_alternative<Problem>(credential);
  }
};

}  // namespace ktlsd::agent
